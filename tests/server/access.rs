//! Who may invoke a function: members in groups, and callers that an issuer of JWTs vouches for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::api::{App, Client, random, str};
use crate::upstream::Upstream;

const WHO: &str = "Deno.serve((r) => Response.json({ actor: r.headers.get('x-tresor-actor'), authorization: r.headers.get('authorization') }))";
const ISS: &str = "https://auth.example.com/";
const AUD: &str = "functions";

/// A signing key and the JWK that verifies it.
struct Key {
    algorithm: Algorithm,
    signs: EncodingKey,
    jwk: Value,
}

impl Key {
    fn rsa(kid: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8: Vec<u8> = pair.as_der().unwrap().as_ref().to_vec();
        let public = pair.public_key();
        let big = |bytes: &[u8]| BASE64.encode(bytes);
        let jwk = json!({ "kty": "RSA", "kid": kid, "n": big(public.modulus().big_endian_without_leading_zero()),
            "e": big(public.exponent().big_endian_without_leading_zero()), "use": "sig" });
        Self { algorithm: Algorithm::RS256, signs: EncodingKey::from_rsa_der(&pkcs1(&pkcs8)), jwk }
    }

    fn ed25519(kid: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": BASE64.encode(pair.public_key().as_ref()) });
        Self { algorithm: Algorithm::EdDSA, signs: EncodingKey::from_ed_der(document.as_ref()), jwk }
    }

    fn p256(kid: &str) -> Self {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
        let point = pair.public_key().as_ref();
        let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..]) });
        Self { algorithm: Algorithm::ES256, signs: EncodingKey::from_ec_der(document.as_ref()), jwk }
    }

    fn kid(&self) -> Option<String> {
        Some(str(&self.jwk["kid"]).to_owned())
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(self.kid(), claims)
    }

    fn sign_as(&self, kid: Option<String>, claims: &Value) -> String {
        let header = Header { kid, ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.signs).unwrap()
    }
}

/// The RSA key inside PKCS #8 (RFC 5958): what follows the algorithm is an octet string of it.
fn pkcs1(pkcs8: &[u8]) -> Vec<u8> {
    // SEQUENCE { INTEGER 0, SEQUENCE { OID rsaEncryption, NULL }, OCTET STRING { … } }
    let at = pkcs8.windows(2).skip(20).position(|pair| pair == [0x04, 0x82]).unwrap() + 20;
    pkcs8[at + 4..].to_vec()
}

fn now() -> i64 {
    i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn claims(more: Value) -> Value {
    let mut claims = json!({ "iss": ISS, "aud": AUD, "sub": "user-1", "exp": now() + 300 });
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn issuer(algorithms: &[&str], keys: Value) -> Value {
    let mut issuer = json!({ "issuer": ISS, "audience": AUD, "algorithms": algorithms });
    issuer.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    issuer
}

fn jwks(keys: &[&Key]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk.clone()).collect::<Vec<_>>() })
}

async fn actor(client: &Client, token: &str, function: &str) -> Result<Value, (u16, String)> {
    let answer = client.with_token(token).get(&format!("/functions/v1/{function}")).await;
    match answer.status {
        200 => Ok(answer.json()["actor"].clone()),
        status => Err((status, str(&answer.json()["detail"]).to_owned())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_open_functions_to_their_members_only() {
    let app = App::start();
    let admin = app.admin();
    // A group that is not there is nobody's.
    let body = json!({ "source": WHO, "access": "group:billing" });
    admin.put("/api/v1/functions/bills", body.clone()).await.problem(422, "group_unknown");
    admin.put("/api/v1/groups/billing", json!({ "members": ["anna"] })).await.problem(422, "member_unknown");
    for name in ["anna", "bela"] {
        assert_eq!(admin.put(&format!("/api/v1/members/{name}"), json!({})).await.expect(201).json()["role"], "user");
    }
    admin.put("/api/v1/groups/billing", json!({ "members": ["anna"] })).await.expect(201);
    assert_eq!(admin.put("/api/v1/functions/bills", body).await.expect(201).json()["access"], "group:billing");
    let groups = admin.items("/api/v1/groups").await;
    assert_eq!((&groups[0]["members"], &groups[0]["functions"]), (&json!(["anna"]), &json!(["bills"])));

    let token = async |name: &str, member: Value| {
        let body = json!({ "name": name, "member": member, "scopes": ["functions:invoke"] });
        str(&admin.post("/api/v1/tokens", body).await.expect(201).json()["token"]).to_owned()
    };
    let (anna, bela, robot) =
        (token("a", json!("anna")).await, token("b", json!("bela")).await, token("r", json!(null)).await);
    assert_eq!(actor(&admin, &anna, "bills").await, Ok(json!("member:anna")));
    for other in [&bela, &robot, &admin.token().to_owned()] {
        let (status, detail) = actor(&admin, other, "bills").await.unwrap_err();
        assert!(status == 403 && !detail.contains("billing"), "{detail}");
    }
    assert_eq!(app.anonymous().get("/functions/v1/bills").await.status, 401);
    let denied = admin.items("/api/v1/audit?action=function.invoke").await;
    assert_eq!(denied.len(), 3, "{denied:?}");

    // Changes hold for the very next call.
    admin.put("/api/v1/groups/billing", json!({ "members": ["bela"] })).await.expect(200);
    assert_eq!(actor(&admin, &anna, "bills").await.unwrap_err().0, 403);
    assert_eq!(actor(&admin, &bela, "bills").await, Ok(json!("member:bela")));
    admin.delete("/api/v1/members/bela").await.expect(204);
    assert_eq!(actor(&admin, &bela, "bills").await.unwrap_err().0, 401, "the member's tokens are revoked");
    assert_eq!(admin.items("/api/v1/groups").await[0]["members"], json!([]));

    // A group in use stays, and an older deployment cannot bring back one that went.
    admin.delete("/api/v1/groups/billing").await.problem(409, "in_use");
    admin.deploy("bills", WHO, json!({})).await;
    admin.delete("/api/v1/groups/billing").await.expect(204);
    admin.post("/api/v1/functions/bills/rollback", json!({ "number": 1 })).await.problem(422, "group_unknown");
    assert_eq!(admin.invocations("bills", 2).await[0]["actor"], json!({ "kind": "token", "name": "b" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_bounds_the_tokens_of_its_members() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/members/anna", json!({ "role": "admin" })).await.expect(201);
    admin.put("/api/v1/members/anna", json!({ "role": "root" })).await.problem(422, "role_unknown");
    let make = async |client: &Client, scopes: Value| {
        client.post("/api/v1/tokens", json!({ "name": "anna", "member": "anna", "scopes": scopes })).await
    };
    let made = make(&admin, json!(["admin"])).await.expect(201).json();
    let anna = admin.with_token(str(&made["token"]));
    anna.put_secret("KEY", "value").await;
    let nobody = app.anonymous();
    let login = async |link: &Value| {
        let request = nobody.request("POST", "/login").header("origin", nobody.url());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let code = str(&link["url"]).split_once("code=").unwrap().1;
        nobody.send(request.body(format!("code={code}"))).await.header("set-cookie").to_owned()
    };
    let link = async || anna.post("/api/v1/login-links", json!({})).await.expect(201).json();
    let (before, after) = (link().await, link().await);
    assert!(login(&before).await.contains("tresor_session="));
    // Without the role, its scopes are gone at once, and a link that was made before does not keep them.
    admin.put("/api/v1/members/anna", json!({ "role": "user" })).await.expect(200);
    anna.put("/api/v1/secrets/KEY", json!({ "value": "v2" })).await.problem(403, "forbidden");
    assert_eq!(anna.items("/api/v1/secrets").await.len(), 1);
    assert_eq!(login(&after).await, "");
    make(&admin, json!(["secrets:write"])).await.problem(422, "scopes_beyond_role");
    // Who may make tokens may not thereby become any member.
    let body = json!({ "name": "maker", "scopes": ["tokens:write", "functions:invoke"] });
    let maker = admin.post("/api/v1/tokens", body).await.expect(201).json();
    make(&admin.with_token(str(&maker["token"])), json!(["functions:invoke"])).await.problem(403, "forbidden");
    let unknown = json!({ "name": "x", "member": "nobody", "scopes": ["functions:invoke"] });
    admin.post("/api/v1/tokens", unknown).await.problem(422, "member_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn jwts_of_an_issuer_open_functions() {
    let app = App::start();
    let admin = app.admin();
    admin.deploy("who", WHO, json!({})).await;
    admin.put("/api/v1/members/anna", json!({})).await.expect(201);
    admin.put("/api/v1/groups/staff", json!({ "members": ["anna"] })).await.expect(201);
    admin.deploy("staff", WHO, json!({ "access": "group:staff" })).await;
    for key in [Key::rsa("k"), Key::p256("k"), Key::ed25519("k")] {
        let name = format!("{:?}", key.algorithm);
        let mut body = issuer(&[&name], json!({ "jwks": jwks(&[&key]) }));
        body["groups_claim"] = json!("roles");
        let put = admin.put("/api/v1/issuers/auth", body).await;
        assert!(put.status < 300, "{}", put.text());
        assert_eq!(put.json()["jwks"], jwks(&[&key]));
        assert_eq!(actor(&admin, &key.sign(&claims(json!({}))), "who").await, Ok(json!("jwt:auth/user-1")), "{name}");
        let several = key.sign(&claims(json!({ "aud": ["other", AUD], "nbf": now() + 20, "sub": "a b/ü" })));
        assert_eq!(actor(&admin, &several, "who").await, Ok(json!("jwt:auth/a%20b/%C3%BC")));
        assert_eq!(
            actor(&admin, &key.sign_as(None, &claims(json!({}))), "who").await.map(drop),
            Ok(()),
            "the only key"
        );
        // In a group by the issuer's word, and by being a member.
        assert_eq!(actor(&admin, &key.sign(&claims(json!({}))), "staff").await.unwrap_err().0, 403);
        assert!(actor(&admin, &key.sign(&claims(json!({ "roles": ["other", "staff"] }))), "staff").await.is_ok());
        assert!(actor(&admin, &key.sign(&claims(json!({ "roles": "x staff" }))), "staff").await.is_ok());
        assert!(actor(&admin, &key.sign(&claims(json!({ "groups": ["staff"] }))), "staff").await.is_err());
        admin.put("/api/v1/members/anna", json!({ "issuer": "auth", "subject": "user-1" })).await.expect(200);
        assert_eq!(actor(&admin, &key.sign(&claims(json!({}))), "staff").await, Ok(json!("member:anna")));
        admin.put("/api/v1/members/anna", json!({})).await.expect(200);
    }
    // Refusals of the public are not for the audit log; the function has the JWT to ask more of it.
    assert!(admin.items("/api/v1/audit?action=function.invoke").await.is_empty());
    let key = Key::ed25519("k");
    admin.put("/api/v1/issuers/auth", issuer(&["EdDSA"], json!({ "jwks": jwks(&[&key]) }))).await.expect(200);
    let token = key.sign(&claims(json!({})));
    let seen = admin.with_token(&token).get("/functions/v1/who").await.expect(200).json();
    assert_eq!(seen["authorization"], format!("Bearer {token}"));
    let newest = admin.invocations("who", 10).await[0]["actor"].clone();
    assert_eq!(newest, json!({ "kind": "jwt", "name": "auth/user-1" }));
    // It opens functions, and nothing else.
    for path in ["/api/v1/secrets", "/api/v1/functions", "/metrics"] {
        admin.with_token(&token).get(path).await.problem(401, "unauthenticated");
    }
    admin.delete("/api/v1/issuers/auth").await.expect(204);
    assert_eq!(actor(&admin, &token, "who").await.unwrap_err().0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_secret_verifies_and_rotates() {
    let app = App::start();
    let admin = app.admin();
    admin.deploy("who", WHO, json!({})).await;
    let (first, second) = (random(32), random(32));
    admin.put("/api/v1/issuers/auth", issuer(&["HS256"], json!({ "secret": "JWT_SECRET" }))).await.expect(201);
    let sign = |secret: &str| {
        jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims(json!({})),
            &EncodingKey::from_secret(secret.as_bytes()),
        )
        .unwrap()
    };
    assert_eq!(actor(&admin, &sign(&first), "who").await.unwrap_err().0, 503, "there is no secret yet");
    admin.put_secret("JWT_SECRET", &first[..31]).await;
    assert_eq!(actor(&admin, &sign(&first[..31]), "who").await.unwrap_err().0, 503, "shorter than the hash");
    admin.put_secret("JWT_SECRET", &first).await;
    assert!(actor(&admin, &sign(&first), "who").await.is_ok());
    admin.put_secret("JWT_SECRET", &second).await;
    assert_eq!(actor(&admin, &sign(&first), "who").await.unwrap_err().0, 401);
    assert!(actor(&admin, &sign(&second), "who").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_misused_jwts_are_refused() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    admin.deploy("who", WHO, json!({})).await;
    let (good, evil, second) = (Key::rsa("a"), Key::rsa("a"), Key::rsa("b"));
    let mut settings = issuer(&["RS256"], json!({ "jwks": jwks(&[&good, &second]) }));
    settings["environments"] = json!(["production"]);
    admin.put("/api/v1/issuers/auth", settings).await.expect(201);
    let whole = good.sign(&claims(json!({})));
    assert!(actor(&admin, &whole, "who").await.is_ok());

    let parts: Vec<&str> = whole.split('.').collect();
    let with_head = |head: Value| format!("{}.{}.{}", BASE64.encode(head.to_string()), parts[1], parts[2]);
    let unsigned = |head: Value| format!("{}.{}.", BASE64.encode(head.to_string()), parts[1]);
    // The public key as if it were a shared secret: as text, and as its bytes.
    let confused = |secret: &[u8]| {
        let header = Header { kid: good.kid(), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims(json!({})), &EncodingKey::from_secret(secret)).unwrap()
    };
    let modulus = BASE64.decode(str(&good.jwk["n"])).unwrap();
    let own_key = {
        let mut header = Header { kid: evil.kid(), ..Header::new(Algorithm::RS256) };
        header.jku = Some("https://evil.example/jwks.json".to_owned());
        jsonwebtoken::encode(&header, &claims(json!({})), &evil.signs).unwrap()
    };
    let critical = json!({ "alg": "RS256", "kid": "a", "crit": ["exp"] });
    for (what, token) in [
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        (
            "another payload",
            format!("{}.{}.{}", parts[0], BASE64.encode(claims(json!({ "sub": "admin" })).to_string()), parts[2]),
        ),
        ("alg none", unsigned(json!({ "alg": "none" }))),
        ("alg None", unsigned(json!({ "alg": "None", "kid": "a" }))),
        ("alg none with a signature", with_head(json!({ "alg": "none", "kid": "a" }))),
        ("no alg", with_head(json!({ "kid": "a" }))),
        ("the public key as a secret", confused(good.jwk.to_string().as_bytes())),
        ("its modulus as a secret", confused(&modulus)),
        ("an algorithm that is not the issuer's", with_head(json!({ "alg": "RS512", "kid": "a" }))),
        ("a key of the attacker", evil.sign(&claims(json!({})))),
        ("a key that the token brings", own_key),
        ("a key that is not there", good.sign_as(Some("c".to_owned()), &claims(json!({})))),
        ("the other key's name", good.sign_as(Some("b".to_owned()), &claims(json!({})))),
        ("no key's name where there are two", good.sign_as(None, &claims(json!({})))),
        ("another typ", {
            let header =
                Header { kid: good.kid(), typ: Some("logout+jwt".to_owned()), ..Header::new(Algorithm::RS256) };
            jsonwebtoken::encode(&header, &claims(json!({})), &good.signs).unwrap()
        }),
        ("an extension that must be understood", with_head(critical)),
        ("another issuer", good.sign(&claims(json!({ "iss": "https://auth.example.com" })))),
        ("several issuers", good.sign(&claims(json!({ "iss": [ISS, "x"] })))),
        ("no issuer", good.sign(&claims(json!({ "iss": null })))),
        ("another audience", good.sign(&claims(json!({ "aud": "other" })))),
        ("part of the audience", good.sign(&claims(json!({ "aud": "function" })))),
        ("no audience", good.sign(&claims(json!({ "aud": null })))),
        ("no audience at all", good.sign(&claims(json!({ "aud": [] })))),
        ("expired", good.sign(&claims(json!({ "exp": now() - 31 })))),
        ("never expires", good.sign(&claims(json!({ "exp": null })))),
        ("expires in words", good.sign(&claims(json!({ "exp": "9999999999" })))),
        ("not yet", good.sign(&claims(json!({ "nbf": now() + 60 })))),
        ("nobody", good.sign(&claims(json!({ "sub": null })))),
        ("nobody in an empty text", good.sign(&claims(json!({ "sub": "" })))),
        ("a subject that breaks lines", good.sign(&claims(json!({ "sub": "a\nb" })))),
        ("too long", good.sign(&claims(json!({ "x": random(17_000) })))),
        ("no JSON", "eyJhbGci.eyJpc3Mi.x".to_owned()),
        ("four parts", format!("{whole}.x")),
    ] {
        let refused = actor(&admin, &token, "who").await;
        assert!(matches!(refused, Err((401, _))), "{what}: {refused:?}");
    }
    // Another environment, another account.
    admin.deploy("who", WHO, json!({ "environment": "test" })).await;
    admin.with_token(&whole).get("/a/default/test/functions/v1/who").await.problem(403, "forbidden");
    let other = app.account("other").await;
    other.deploy("who", WHO, json!({})).await;
    other.with_token(&whole).get("/a/other/production/functions/v1/who").await.problem(401, "unauthenticated");
    // A little difference between clocks is none.
    assert!(actor(&admin, &good.sign(&claims(json!({ "exp": now() - 10 }))), "who").await.is_ok());
}

/// A server of key sets: answers what it is told and counts.
async fn key_server(keys: Value) -> (String, Arc<std::sync::Mutex<Value>>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let (shown, asked) = (Arc::new(std::sync::Mutex::new(keys)), Arc::new(AtomicUsize::new(0)));
    let (answers, count) = (Arc::clone(&shown), Arc::clone(&asked));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            count.fetch_add(1, Ordering::SeqCst);
            let body = answers.lock().unwrap().to_string();
            let head = if body == "\"redirect\"" {
                format!(
                    "HTTP/1.1 302 Found\r\nlocation: {}/elsewhere\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    "http://127.0.0.1:1",
                    body.len()
                )
            } else {
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())
            };
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    (url, shown, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn key_sets_are_fetched_when_a_new_key_signs_and_not_for_every_liar() {
    let app = App::start_with(&["--allow-network", "127.0.0.1/32"]);
    let admin = app.admin();
    admin.deploy("who", WHO, json!({})).await;
    let (old, new) = (Key::ed25519("old"), Key::ed25519("new"));
    let (url, shown, asked) = key_server(jwks(&[&old])).await;
    admin.put("/api/v1/issuers/auth", issuer(&["EdDSA"], json!({ "jwks_url": url }))).await.expect(201);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "fetched when it is named");
    for _ in 0..5 {
        assert!(actor(&admin, &old.sign(&claims(json!({}))), "who").await.is_ok());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "and then kept");
    // Half a minute must pass before an unknown key is a reason to ask again, or anyone could make the server ask.
    *shown.lock().unwrap() = jwks(&[&old, &new]);
    for number in 0..5 {
        let liar = old.sign_as(Some(format!("liar-{number}")), &claims(json!({})));
        assert_eq!(actor(&admin, &liar, "who").await.unwrap_err().0, 401);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // Naming it again does ask.
    admin.put("/api/v1/issuers/auth", issuer(&["EdDSA"], json!({ "jwks_url": url }))).await.expect(200);
    assert!(actor(&admin, &new.sign(&claims(json!({}))), "who").await.is_ok());
    for (answer, code) in [
        (json!("redirect"), "jwks_url_unreachable"),
        (json!({}), "jwks_invalid"),
        (json!({ "keys": [] }), "jwks_invalid"),
    ] {
        *shown.lock().unwrap() = answer;
        let refused = issuer(&["EdDSA"], json!({ "jwks_url": format!("{url}?{code}") }));
        admin.put("/api/v1/issuers/auth", refused).await.problem(422, code);
    }
}

/// As in a small container: the server starts, and trusts whom the operator names.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_certificate_authorities_serves_and_fetches() {
    let upstream = Upstream::named(&["localhost"], |_| {
        let text = jwks(&[&Key::ed25519("k")]).to_string();
        ("application/json", text)
    })
    .await;
    let bare = [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/nonexistent")];
    let app = App::start_in(&upstream.args(), &bare);
    let put = async |app: &App| {
        let body = issuer(&["EdDSA"], json!({ "jwks_url": upstream.url() }));
        app.admin().put("/api/v1/issuers/auth", body).await
    };
    put(&app).await.expect(201);
    // Who is not named is not trusted.
    let stranger = App::start_in(&upstream.args()[2..], &bare);
    put(&stranger).await.problem(422, "jwks_url_unreachable");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_sets_lead_to_no_private_network() {
    let app = App::start();
    let admin = app.admin();
    let (url, _, asked) = key_server(jwks(&[&Key::ed25519("k")])).await;
    let port = url.rsplit_once(':').unwrap().1.to_owned();
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        for scheme in ["http", "https"] {
            let body = issuer(&["EdDSA"], json!({ "jwks_url": format!("{scheme}://{host}:{port}") }));
            admin.put("/api/v1/issuers/auth", body).await.problem(422, "jwks_url_forbidden");
        }
    }
    for url in ["file:///etc/passwd", "ftp://example.com/", "jwks.json", "https://a b/"] {
        let answer = admin.put("/api/v1/issuers/auth", issuer(&["EdDSA"], json!({ "jwks_url": url }))).await;
        answer.problem(422, "jwks_url_invalid");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    for (body, code) in [
        (issuer(&["HS256"], json!({ "jwks": jwks(&[&Key::ed25519("k")]) })), "algorithms_mixed"),
        (issuer(&["none"], json!({ "secret": "K" })), "algorithm_unknown"),
        (issuer(&["EdDSA"], json!({})), "keys_ambiguous"),
        (issuer(&["EdDSA"], json!({ "jwks": { "keys": [{ "kty": "oct", "k": "AAAA" }] } })), "jwks_invalid"),
        (issuer(&["HS256"], json!({ "secret": "K", "environments": ["nowhere"] })), "environment_unknown"),
    ] {
        admin.put("/api/v1/issuers/auth", body).await.problem(422, code);
    }
    admin.put("/api/v1/issuers/one", issuer(&["HS256"], json!({ "secret": "K" }))).await.expect(201);
    admin.put("/api/v1/issuers/two", issuer(&["HS256"], json!({ "secret": "K" }))).await.problem(422, "issuer_taken");
}
