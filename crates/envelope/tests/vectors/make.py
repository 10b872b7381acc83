#!/usr/bin/env python3
"""Makes v1.json by a second implementation of the format, so that the Rust code is not its own judge.

Needs the Python package `cryptography`. Run it only for a new format version: existing vectors never change.
"""
import hashlib
import hmac as hmac_module
import json
import pathlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def derive(key, info):
    return HKDF(hashes.SHA256(), 32, None, info).derive(key)


def fields(*parts):
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def xaes(key, nonce, plaintext, aad):
    half = []
    for counter in (1, 2):
        mac = CMAC(AES(key))
        mac.update(bytes([0, counter]) + b"X\0" + nonce[:12])
        half.append(mac.finalize())
    return AESGCM(b"".join(half)).encrypt(nonce[12:], plaintext, aad)


def encrypt(key, key_id, nonce, context, plaintext, version=b"\x01"):
    aad = fields(*context, key_id, version)
    return version + key_id + nonce + xaes(key, nonce, plaintext, aad)


ROOT, ACCOUNT_KEY, SEED = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
ACCOUNT, SERVER = "account-1", "tresor.example/log"
ROOT_ID = derive(ROOT, b"tresor root key id v1")[:8]
WRAPPING = derive(ROOT, b"tresor key wrapping v1")
KEY_ID = derive(ACCOUNT_KEY, b"tresor account key id v1")[:8]
VALUES = derive(ACCOUNT_KEY, b"tresor value encryption v1")


def nonce(name):
    return hashlib.sha256(name.encode()).digest()[:24]


def value(name, plaintext, secret="secret-1", environment="production", version=1, account=ACCOUNT, key=VALUES, key_id=KEY_ID):
    context = [b"tresor value v1", *(s.encode() for s in (account, secret, environment)), version.to_bytes(8, "big")]
    return encrypt(key, key_id, nonce(name), context, plaintext)


vectors = []


def vector(name, expect, ciphertext, secret="secret-1", environment="production", version=1):
    vectors.append(dict(name=name, secret=secret, environment=environment, version=version, ciphertext=ciphertext.hex(), **expect))


def good(name, text, **binding):
    vector(name, dict(value=text), value(name, text.encode(), **binding), **binding)


def bad(name, failure, ciphertext, **binding):
    vector(name, dict(failure=failure), ciphertext, **binding)


good("a key", "sk-proj-abc123xyz789")
good("one byte", "x")
good("not ASCII", "pässwörd \u2603 \U0001f511")
good("many lines", "-----BEGIN X-----\nAAAA\n-----END X-----\n")
good("many blocks", "0123456789abcdef" * 20 + "!")
good("largest version", "v", version=2**64 - 1)
good("another environment", "v", environment="test")
good("another secret", "v", secret="0190c3e2-0000-7000-8000-000000000000")

base = value("base", b"hello")
flip = lambda at: base[:at] + bytes([base[at] ^ 1]) + base[at + 1:]
bad("empty", "format", b"")
bad("one byte too short", "format", value("short", b"")[:-1])
bad("version 0", "format", b"\0" + base[1:])
bad("version 2", "format", b"\2" + base[1:])
bad("key id flipped", "key", flip(8))
bad("another account key", "key", value("other", b"hello", key=derive(SEED, b"x"), key_id=b"\xaa" * 8))
bad("another account key under this key's id", "authentication", value("forged", b"hello", key=derive(SEED, b"x")))
bad("first bit of the nonce flipped", "authentication", flip(9))
bad("last bit of the nonce flipped", "authentication", flip(32))
bad("body flipped", "authentication", flip(33))
bad("tag flipped", "authentication", flip(len(base) - 1))
bad("last byte cut", "authentication", base[:-1])
bad("one byte more", "authentication", base + b"\0")
bad("of another account", "authentication", value("account", b"hello", account="account-2"))
bad("of another secret", "authentication", base, secret="secret-2")
bad("of another environment", "authentication", base, environment="test")
bad("of another version", "authentication", base, version=2)
bad("boundary moved", "authentication", value("moved", b"hello", secret="ab", environment="cd"), secret="abc", environment="d")
bad("encrypted under the account key itself", "authentication", value("raw", b"hello", key=ACCOUNT_KEY))
bad("no bytes of plaintext", "value", value("none", b""))
bad("NUL in the plaintext", "value", value("nul", b"a\0b"))
bad("plaintext not UTF-8", "value", value("utf8", b"\xff\xfe"))

seed = Ed25519PrivateKey.from_private_bytes(SEED)
message = "tresor.example/log\n1\nAAAA\n"
fingerprint = lambda purpose, data: hmac_module.new(
    derive(ACCOUNT_KEY, fields(b"tresor fingerprint v1", purpose.encode())), data.encode(), hashlib.sha256
).hexdigest()
wrap = lambda name, context, key: encrypt(WRAPPING, ROOT_ID, nonce(name), context, key).hex()
out = dict(
    comment="Made by make.py. failure: format (no key is named), key (another key is named), authentication "
    "(this key is named, the tag does not fit), value (it decrypts, but to no valid value).",
    root_key_file=f"tresor-root-key-v1 {ROOT.hex()}\n",
    root_key_id=ROOT_ID.hex(),
    account=ACCOUNT,
    account_key_id=KEY_ID.hex(),
    wrapped_account_key=wrap("account key", [b"tresor account key v1", ACCOUNT.encode()], ACCOUNT_KEY),
    server=SERVER,
    wrapped_audit_key=wrap("audit key", [b"tresor audit key v1", SERVER.encode()], SEED),
    audit_public_key=seed.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(),
    audit_message=message,
    audit_signature=seed.sign(message.encode()).hex(),
    fingerprints=[
        dict(purpose=purpose, bytes=data, fingerprint=fingerprint(purpose, data))
        for purpose, data in [("same value", "hello"), ("audit", "hello"), ("same value", ""), ("", "hello")]
    ],
    values=vectors,
)
path = pathlib.Path(__file__).with_name("v1.json")
path.write_text(json.dumps(out, indent=1, ensure_ascii=True) + "\n")
