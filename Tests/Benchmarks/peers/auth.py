"""The success of a gateway's question: the headers that doormand answers with, and nginx with a constant."""

import socket

from accounts import APPLICATION_ID
from process import Failure

# Headers that nginx adds to each response.
OF_NGINX = {"server", "date", "connection"}


def headers(accounts):
    """Returns the headers of a cached account, in doormand's order."""
    return {
        "Cache-Control": "no-store", "X-Doorman-Account-Id": accounts.account_id(0), "X-Doorman-Application-Id": APPLICATION_ID,
        "X-Doorman-Phone": accounts.phone(0), "X-Doorman-Email": "", "X-Doorman-Provider": "account-kit", "X-Doorman-Scopes": "",
        "X-Doorman-Freshness": "cached", "Content-Length": "0",
    }


def response_bytes(port, accounts):
    """Asks for the first account, and returns the length of the response. Fails if it is not the expected success."""
    request = f"GET /auth HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {accounts.tokens[0]}\r\n\r\n"
    response = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.encode())
        while not response.endswith(b"\r\n\r\n") and (received := connection.recv(1 << 16)):
            response += received
    status, *lines = response.decode().removesuffix("\r\n\r\n").split("\r\n")
    sent = {name: value.strip() for name, _, value in (line.partition(":") for line in lines) if name.lower() not in OF_NGINX}
    if not status.startswith("HTTP/1.1 200 ") or sent != headers(accounts):
        raise Failure(f"port {port} does not respond with the expected headers:\n{response.decode()}")
    return len(response)
