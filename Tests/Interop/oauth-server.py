"""An authorization server made of Authlib: tokens, introspection, revocation, OpenID configuration and keys. For tests only.

    oauth-server.py FOLDER [PORT]

Writes a private key for each client of private_key_jwt into the folder, and then prints "listening on PORT". A test controls it by
requests to /test.
"""

import json
import os
import sys
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants, list_to_scope, scope_to_list
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.common.security import generate_token
from flask import Flask, jsonify, request
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from werkzeug.serving import make_server

FOLDER = sys.argv[1]
AUDIENCE = "orders-api"
# Each character of this secret shows a server, or a client, that does not encode it by RFC 6749, section 2.3.1.
SECRET = "s3cret/+ %41&:="

app = Flask(__name__)
listener = make_server("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0, app, threaded=True)
ISSUER = f"http://127.0.0.1:{listener.port}"


class Client(ClientMixin):
    def __init__(self, client_id, method="client_secret_basic", lifetime=600, public_key=None):
        self.client_id = client_id
        self.method = method
        self.lifetime = lifetime
        self.public_key = public_key

    def get_client_id(self):
        return self.client_id

    def get_allowed_scope(self, scope):
        return list_to_scope([name for name in scope_to_list(scope or "") if name.startswith("orders:")])

    def check_client_secret(self, client_secret):
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method == self.method

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"


class Token(TokenMixin):
    def __init__(self, client, token):
        self.client = client
        self.text = token["access_token"]
        self.scope = token.get("scope", "")
        self.issued_at = int(time.time())
        self.expires_at = self.issued_at + token["expires_in"]
        self.revoked = False

    def check_client(self, client):
        # A resource server may revoke the tokens that it gets, except those of a client that forbids it.
        return client.client_id == self.client.client_id or self.client.client_id != "jealous"

    def is_expired(self):
        return time.time() >= self.expires_at

    def is_revoked(self):
        return self.revoked


def private_key(name, key):
    descriptor = os.open(os.path.join(FOLDER, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.as_pem(private=True))
    return key


client_keys = {
    "doorman-rsa": private_key("rsa.pem", RSAKey.generate_key(2048)),
    "doorman-ec": private_key("ec.pem", ECKey.generate_key("P-256")),
    "doorman-ed25519": private_key("ed25519.pem", OKPKey.generate_key("Ed25519")),
}
clients = {
    client.client_id: client
    for client in [
        Client("app"),
        Client("short", lifetime=4),
        Client("jealous"),
        Client("doorman"),
        Client("doorman-post", "client_secret_post"),
        *[Client(name, "private_key_jwt", public_key=key) for name, key in client_keys.items()],
    ]
}
tokens = {}


def save_token(token, oauth_request):
    tokens[token["access_token"]] = Token(oauth_request.client, token)


server = AuthorizationServer(app, query_client=clients.get, save_token=save_token)
server.register_token_generator(
    "default",
    BearerTokenGenerator(
        lambda *arguments, **names: generate_token(42), expires_generator=lambda client, grant_type: client.lifetime),
)
METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


class ClientCredentials(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class Introspection(IntrospectionEndpoint):
    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token_string, token_type_hint):
        return tokens.get(token_string)

    def check_permission(self, token, client, request):
        return client.client_id.startswith("doorman")

    def introspect_token(self, token):
        return {
            "active": True,
            "client_id": token.client.client_id,
            "token_type": "Bearer",
            "sub": "user-1",
            "scope": token.scope,
            "aud": AUDIENCE,
            "iss": ISSUER,
            "exp": token.expires_at,
            "iat": token.issued_at,
        }


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token_string, token_type_hint):
        return tokens.get(token_string)

    def revoke_token(self, token, request):
        token.revoked = True


class PrivateKeyJWT(JWTBearerClientAssertion):
    CLIENT_AUTH_METHOD = "private_key_jwt"
    used = set()

    def process_assertion_claims(self, assertion, resolve_key):
        # Without a list, PS256 and EdDSA are not accepted.
        claims = jwt.decode(assertion, resolve_key, algorithms=["RS256", "PS256", "ES256", "EdDSA"])
        self.verify_claims(claims.claims)
        return claims.claims

    def get_audiences(self):
        return [ISSUER + path for path in ["/introspect", "/revoke"]]

    def validate_jti(self, claims, jti):
        fresh = jti not in self.used
        self.used.add(jti)
        return fresh

    def resolve_client_public_key(self, client):
        return client.public_key


server.register_grant(ClientCredentials)
server.register_endpoint(Introspection)
server.register_endpoint(Revocation)
server.register_client_auth_method(PrivateKeyJWT.CLIENT_AUTH_METHOD, PrivateKeyJWT())


@app.post("/token")
def token():
    return server.create_token_response()


@app.post("/introspect")
def introspect():
    return server.create_endpoint_response(Introspection.ENDPOINT_NAME)


@app.post("/revoke")
def revoke():
    return server.create_endpoint_response(Revocation.ENDPOINT_NAME)


def signing_key(number):
    return ECKey.generate_key("P-256", {"kid": f"key-{number}", "use": "sig", "alg": "ES256"})


signing_keys = [signing_key(1)]
# Keys that Doorman can't use, each for another reason, before those that it can.
unusable_keys = [
    {"kty": "FUTURE", "kid": "future", "x": "AQAB"},
    OctKey.generate_key(256, {"kid": "symmetric"}).as_dict(),
    RSAKey.generate_key(1024, {"kid": "short"}, auto_kid=False).as_dict(private=False),
    ECKey.generate_key("secp256k1", {"kid": "other-curve"}).as_dict(private=False),
    {"kty": "EC", "crv": "P-256", "kid": "off-the-curve", "x": "AQ", "y": "AQ"},
]
published_unusable_keys = []


@app.get("/.well-known/openid-configuration")
def configuration():
    return jsonify(issuer=ISSUER, jwks_uri=ISSUER + "/keys")


@app.get("/keys")
def keys():
    return jsonify(keys=published_unusable_keys + [key.as_dict(private=False) for key in signing_keys])


@app.post("/test/unusable-keys")
def publish_unusable_keys():
    published_unusable_keys[:] = unusable_keys
    return jsonify(count=len(unusable_keys))


@app.post("/test/withdraw")
def withdraw():
    signing_keys[:] = [signing_key(2)]
    return jsonify(key="key-2")


@app.post("/test/jwt")
def sign():
    """Signs the claims of the form, with those that every token has."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "iat": now, "exp": now + 600, "jti": generate_token(12)}
    claims.update(json.loads(request.form.get("claims", "{}")))
    if "lifetime" in request.form:
        claims["exp"] = now + int(request.form["lifetime"])
    header = {"alg": "ES256", "typ": "at+jwt", "kid": signing_keys[-1].kid}
    return jwt.encode(header, claims, signing_keys[-1])


print(f"listening on {listener.port}", flush=True)
listener.serve_forever()
