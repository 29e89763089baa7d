"""A small OpenID Connect issuer: signed tokens (RS256) by client credentials, each with a life of a few seconds.

It needs PyJWT, so it runs in the environment of stac-auth-proxy (`requirements-auth-proxy.txt`): `python oidc_issuer.py PORT ID SECRET LIFE`.
What it does next is set by a POST of JSON to /control; a GET there tells how many tokens it gave, and all of them.
"""

import base64
import json
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote_plus

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class Issuer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        state, url = self.server.state, self.server.url
        if self.path == "/.well-known/openid-configuration":
            return self.tell(200, {"issuer": url, "token_endpoint": f"{url}/token", "jwks_uri": f"{url}/keys", "authorization_endpoint": f"{url}/none",
                                   "response_types_supported": ["token"], "subject_types_supported": ["public"], "scopes_supported": ["openid"],
                                   "id_token_signing_alg_values_supported": ["RS256"], "grant_types_supported": ["client_credentials"]})
        if self.path == "/keys":
            key = json.loads(RSAAlgorithm.to_jwk(self.server.key.public_key()))
            return self.tell(200, {"keys": [key | {"kid": "1", "use": "sig", "alg": "RS256"}]})
        return self.tell(200, state) if self.path == "/control" else self.tell(404, {})

    def do_POST(self):
        state = self.server.state
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path == "/control":
            state.update(json.loads(body))
            return self.tell(200, state)
        if self.path != "/token":
            return self.tell(404, {})
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if self.headers.get("Authorization", "").startswith("Basic "):
            pair = base64.b64decode(self.headers["Authorization"].split()[1]).decode().split(":", 1)
            form |= {"client_id": unquote_plus(pair[0]), "client_secret": unquote_plus(pair[1])}
        state["asked"] += 1
        if state["refuse"] or (form.get("client_id"), form.get("client_secret")) != self.server.client:
            return self.tell(401, {"error": "invalid_client", "error_description": "Invalid client or Invalid client credentials"})
        if form.get("grant_type") != "client_credentials":
            return self.tell(400, {"error": "unsupported_grant_type"})
        now = int(time.time())
        claims = {"iss": self.server.url, "sub": form["client_id"], "iat": now, "exp": now + state["life"], "jti": str(uuid.uuid4()),
                  "scope": form.get("scope", "")}
        token = jwt.encode(claims, self.server.key, algorithm="RS256", headers={"kid": "1"})
        state["tokens"].append(token)
        self.tell(200, {"access_token": token, "token_type": "Bearer", "expires_in": state["life"], "not-before-policy": 0, "scope": claims["scope"]})

    def tell(self, status, json_value):
        content = json.dumps(json_value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main(port, client_id, secret, life):
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Issuer)
    server.daemon_threads = True
    server.url, server.client = f"http://127.0.0.1:{port}", (client_id, secret)
    server.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    server.state = {"life": int(life), "refuse": False, "asked": 0, "tokens": []}
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
