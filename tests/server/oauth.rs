//! OAuth 2.1 for clients of `/mcp`, and who tries to get more by it than a person let him.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::api::{Answer, App, Client, random, str};
use crate::mcp::{NEW, send, tool};
use crate::secret_requests::{Browser, token};

const REDIRECT: &str = "http://127.0.0.1/callback";
const HERE: &str = "http://127.0.0.1:33418/callback";

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn query(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = fields.iter().map(|(name, text)| format!("{name}={}", encoded(text))).collect();
    pairs.join("&")
}

/// A verifier and its challenge.
pub fn pkce() -> (String, String) {
    let verifier = random(64);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(digest);
    (verifier, challenge)
}

async fn register(anyone: &Client, name: &str) -> String {
    let body = json!({ "client_name": name, "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none" });
    let made = anyone.post("/oauth/register", body).await.expect(201).json();
    str(&made["client_id"]).to_owned()
}

/// What a client sends a person to.
pub fn asking<'a>(client: &'a str, challenge: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", HERE),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
        ("state", "a state/&="),
    ]
}

pub fn with<'a>(mut fields: Vec<(&'a str, &'a str)>, name: &'a str, text: &'a str) -> Vec<(&'a str, &'a str)> {
    fields.retain(|(known, _)| *known != name);
    fields.push((name, text));
    fields
}

/// The address that a page sends the browser to.
fn onward(page: &Answer) -> String {
    let text = page.text();
    let to = text.split_once("content=\"0;url=").unwrap_or_else(|| panic!("{text}")).1.split('"').next().unwrap();
    to.replace("&amp;", "&")
}

fn parameter(address: &str, name: &str) -> Option<String> {
    let pairs = address.split_once('?')?.1.split('&');
    let found = pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?;
    Some(found.1.to_owned())
}

/// A person says yes; the code.
pub async fn code(person: &Browser, fields: &[(&str, &str)]) -> String {
    person.get(&format!("/oauth/authorize?{}", query(fields))).await.expect(200);
    let mut said = fields.to_vec();
    said.push(("answer", "yes"));
    let to = onward(&person.post("/oauth/authorize", &said).await.expect(200));
    parameter(&to, "code").unwrap_or_else(|| panic!("{to}"))
}

pub async fn trade(anyone: &Client, fields: &[(&str, &str)]) -> Answer {
    let request = anyone.request("POST", "/oauth/token").header("content-type", "application/x-www-form-urlencoded");
    anyone.send(request.body(query(fields))).await
}

pub fn first<'a>(client: &'a str, code: &'a str, verifier: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("redirect_uri", HERE),
        ("code_verifier", verifier),
    ]
}

async fn refresh(anyone: &Client, client: &str, token: &Value) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", str(token))];
    trade(anyone, &fields).await
}

#[track_caller]
fn refused(answer: &Answer, error: &str) {
    assert_eq!((answer.status, str(&answer.json()["error"])), (400, error), "{}", answer.text());
}

async fn works(app: &App, token: &Value) -> bool {
    let caller = app.anonymous().with_token(str(token));
    send(&caller, NEW, 1, "tools/list", json!({})).await.status == 200
}

pub struct World {
    pub app: App,
    pub admin: Client,
    pub anyone: Client,
    pub person: Browser,
    pub client: String,
}

impl World {
    pub async fn new() -> Self {
        let app = App::start();
        let (admin, anyone) = (app.admin(), app.anonymous());
        let mut person = Browser::new(&app);
        person.login(&admin).await;
        let client = register(&anyone, "Helpful \u{202e}assistant").await;
        Self { app, admin, anyone, person, client }
    }

    /// Tokens of a consent.
    pub async fn connected(&self) -> Value {
        let (verifier, challenge) = pkce();
        let code = code(&self.person, &asking(&self.client, &challenge)).await;
        trade(&self.anyone, &first(&self.client, &code, &verifier)).await.expect(200).json()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_finds_its_way_and_acts_within_what_was_granted() {
    let world = World::new().await;
    let (admin, anyone, client) = (&world.admin, &world.anyone, &world.client);
    let url = admin.url().to_owned();
    // From a refusal to the server's description.
    let challenged = send(anyone, NEW, 1, "tools/list", json!({})).await;
    challenged.problem(401, "unauthenticated");
    let said = challenged.header("www-authenticate");
    let metadata = said.split_once("resource_metadata=\"").unwrap().1.split('"').next().unwrap();
    let resource = anyone.get(metadata.strip_prefix(&url).unwrap()).await.expect(200).json();
    assert_eq!(
        (&resource["resource"], &resource["authorization_servers"]),
        (&json!(format!("{url}/mcp")), &json!([url]))
    );
    let server = anyone.get("/.well-known/oauth-authorization-server").await.expect(200).json();
    assert_eq!((&server["issuer"], &server["code_challenge_methods_supported"]), (&json!(url), &json!(["S256"])));
    for never in
        ["secrets:inject", "tokens:write", "members:write", "sessions:write", "settings:write", "accounts:write"]
    {
        assert!(!server["scopes_supported"].to_string().contains(never), "{never}");
    }

    // The person is led through the login, sees who asks, and says yes.
    let (verifier, challenge) = pkce();
    let asked = with(asking(client, &challenge), "resource", resource["resource"].as_str().unwrap());
    let page = format!("/oauth/authorize?{}", query(&asked));
    let mut stranger = Browser::new(&world.app);
    let sent = stranger.get(&page).await.expect(303);
    stranger.keep(&sent);
    assert_eq!(stranger.login(admin).await.header("location"), page);
    let shown = stranger.get(&page).await.expect(200);
    assert_eq!(shown.header("x-frame-options"), "DENY");
    assert!(shown.header("content-security-policy").contains("frame-ancestors 'none'"));
    let text = shown.text();
    for told in [
        "Helpful assistant",
        "nothing but its own word",
        "127.0.0.1",
        "See names, masks and notes",
        "Deploy, roll back",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert_eq!(admin.events().await.iter().filter(|event| event["action"] == "client.grant").count(), 0);
    let mut said = asked.clone();
    said.push(("answer", "yes"));
    let to = onward(&stranger.post("/oauth/authorize", &said).await.expect(200));
    assert!(to.starts_with(&format!("{HERE}?")), "{to}");
    assert_eq!(parameter(&to, "state").unwrap(), "a+state%2F%26%3D");
    assert_eq!(parameter(&to, "iss").unwrap(), encoded_url(&url));
    let code = parameter(&to, "code").unwrap();
    let issued = trade(anyone, &first(client, &code, &verifier)).await.expect(200);
    assert_eq!(issued.header("cache-control"), "no-store");
    let issued = issued.json();
    assert_eq!((&issued["token_type"], &issued["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(issued["scope"], "secrets:read secrets:request functions:read functions:write functions:invoke");

    // It is a token for `/mcp`, and for nothing else.
    let caller = anyone.with_token(str(&issued["access_token"]));
    assert_eq!(tool(&caller, NEW, "list_secrets", json!({})).await["structuredContent"]["items"], json!([]));
    let beyond = send(&caller, NEW, 1, "tools/call", json!({ "name": "list_audit", "arguments": {} })).await;
    assert!(str(&beyond.problem(403, "forbidden")["detail"]).contains("audit:read"));
    for path in ["/api/v1/secrets", "/api/v1/environments", "/metrics", "/v1/projects"] {
        assert_eq!(caller.get(path).await.status, 401, "{path}");
    }
    admin.deploy("fn", "Deno.serve(() => new Response('ok'))", json!({})).await;
    assert_eq!(caller.get("/functions/v1/fn").await.status, 401);
    assert!(!works(&world.app, &issued["refresh_token"]).await, "a refresh token calls nothing");
    let asked = tool(&caller, NEW, "request_secret", json!({ "name": "KEY", "reason": "to test" })).await;
    assert_eq!(asked["structuredContent"]["created_by"], "Helpful assistant (program)");

    // The person sees it and ends it, at once.
    let listed = world.person.get("/settings/programs").await.expect(200).text();
    assert!(listed.contains("Disconnect Helpful assistant"), "{listed}");
    let id = listed.split_once("/settings/programs/").unwrap().1.split('/').next().unwrap().to_owned();
    world.person.post(&format!("/settings/programs/{id}/revoke"), &[]).await.expect(303);
    assert!(!works(&world.app, &issued["access_token"]).await);
    refused(&refresh(anyone, client, &issued["refresh_token"]).await, "invalid_grant");
    let events = admin.events().await;
    let of = |action: &str| events.iter().filter(|event| event["action"] == action).collect::<Vec<_>>();
    let (granted, ended) = (of("client.grant"), of("client.revoke"));
    assert_eq!((granted.len(), ended.len()), (1, 1));
    assert_eq!(
        (&granted[0]["actor"]["kind"], &granted[0]["resource"]["name"]),
        (&json!("session"), &json!("Helpful assistant"))
    );
    assert_eq!(granted[0]["details"]["scopes"], issued["scope"]);
}

fn encoded_url(url: &str) -> String {
    url.replace(':', "%3A").replace('/', "%2F")
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_tokens_rotate_and_their_second_use_ends_all() {
    let world = World::new().await;
    let first = world.connected().await;
    let second = refresh(&world.anyone, &world.client, &first["refresh_token"]).await.expect(200).json();
    assert!(second["refresh_token"] != first["refresh_token"] && works(&world.app, &second["access_token"]).await);
    // Another client cannot use it, and that ends nothing.
    let other = register(&world.anyone, "other").await;
    refused(&refresh(&world.anyone, &other, &second["refresh_token"]).await, "invalid_grant");
    assert!(works(&world.app, &second["access_token"]).await);
    // A thief's use, or the client's after a thief's.
    refused(&refresh(&world.anyone, &world.client, &first["refresh_token"]).await, "invalid_grant");
    for token in [&first["access_token"], &second["access_token"]] {
        assert!(!works(&world.app, token).await);
    }
    refused(&refresh(&world.anyone, &world.client, &second["refresh_token"]).await, "invalid_grant");
    let events = world.admin.events().await;
    let ended = events.iter().find(|event| event["action"] == "client.revoke").unwrap();
    assert_eq!(ended["details"]["reason"], "refresh_reuse", "{ended}");
    // A client can end it itself.
    let third = world.connected().await;
    let revoke =
        world.anyone.request("POST", "/oauth/revoke").header("content-type", "application/x-www-form-urlencoded");
    world.anyone.send(revoke.body(query(&[("token", str(&third["refresh_token"]))]))).await.expect(200);
    assert!(!works(&world.app, &third["access_token"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_for_its_client_its_verifier_and_once() {
    let world = World::new().await;
    let (anyone, client) = (&world.anyone, &world.client);
    let other = register(anyone, "other").await;
    let wrong = random(64);
    for (change, why) in [
        (("client_id", other.as_str()), "another client's"),
        (("code_verifier", wrong.as_str()), "of another verifier"),
        (("code_verifier", ""), "without a verifier"),
        (("redirect_uri", "http://127.0.0.1:1/callback"), "of another address"),
        (("redirect_uri", ""), "of no address"),
    ] {
        let (verifier, challenge) = pkce();
        let code = code(&world.person, &asking(client, &challenge)).await;
        let good = first(client, &code, &verifier);
        refused(&trade(anyone, &with(good.clone(), change.0, change.1)).await, "invalid_grant");
        // What was tried is used up.
        refused(&trade(anyone, &good).await, "invalid_grant");
        assert!(!why.is_empty());
    }
    // Played again, it ends what it was traded for.
    let (verifier, challenge) = pkce();
    let code = code(&world.person, &asking(client, &challenge)).await;
    let issued = trade(anyone, &first(client, &code, &verifier)).await.expect(200).json();
    assert!(works(&world.app, &issued["access_token"]).await);
    refused(&trade(anyone, &first(client, &code, &verifier)).await, "invalid_grant");
    assert!(!works(&world.app, &issued["access_token"]).await);
    // For another server.
    let (verifier, challenge) = pkce();
    let code = self::code(&world.person, &asking(client, &challenge)).await;
    let elsewhere = with(first(client, &code, &verifier), "resource", "https://other.example/mcp");
    refused(&trade(anyone, &elsewhere).await, "invalid_target");
    for (fields, error) in [
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![("grant_type", "authorization_code"), ("code", "tro_x")], "invalid_grant"),
        (vec![("grant_type", "refresh_token"), ("refresh_token", world.admin.token())], "invalid_grant"),
        (vec![("grant_type", "refresh_token"), ("grant_type", "refresh_token")], "invalid_request"),
    ] {
        refused(&trade(anyone, &fields).await, error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_for_what_must_not_be_granted() {
    let world = World::new().await;
    let (person, client) = (&world.person, &world.client);
    let (_, challenge) = pkce();
    let good = asking(client, &challenge);
    let before = world.admin.events().await.len();
    // Answered elsewhere, or not who it says: it is told nothing and nobody is sent there.
    let (body, tag) = client.split_once('.').unwrap();
    let forged = format!("{}.{tag}", body.replace("trd_", "trd_e30"));
    let cut = &client[..client.len() - 1];
    for (name, text) in [
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", "http://127.0.0.1.evil.example/callback"),
        ("redirect_uri", "http://127.0.0.1:33418/callback/../evil"),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", ""),
        ("client_id", forged.as_str()),
        ("client_id", cut),
        ("client_id", "unknown"),
        ("client_id", ""),
    ] {
        let fields = with(good.clone(), name, text);
        for page in [
            person.get(&format!("/oauth/authorize?{}", query(&fields))).await,
            person.post("/oauth/authorize", &with(fields.clone(), "answer", "yes")).await,
        ] {
            let shown = page.expect(400).text();
            assert!(shown.contains("cannot be connected") && !shown.contains("url="), "{name} {text}: {shown}");
        }
    }
    // A client that asks badly is told so, where it is known.
    for (name, text, error) in [
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "secrets:inject", "invalid_scope"),
        ("scope", "secrets:read admin", "invalid_scope"),
        ("scope", "tokens:write", "invalid_scope"),
        ("resource", "https://other.example/mcp", "invalid_target"),
    ] {
        let fields = with(with(good.clone(), name, text), "answer", "yes");
        let to = onward(&person.post("/oauth/authorize", &fields).await.expect(200));
        assert_eq!(parameter(&to, "error").as_deref(), Some(error), "{name} {text}: {to}");
        assert!(parameter(&to, "code").is_none() && to.starts_with(HERE), "{to}");
    }
    let no = onward(&person.post("/oauth/authorize", &with(good.clone(), "answer", "no")).await.expect(200));
    assert_eq!(parameter(&no, "error").as_deref(), Some("access_denied"));

    // Not by a token, nor from another site, nor by a form without a page, nor by opening the page.
    let body = query(&with(good.clone(), "answer", "yes"));
    let form = || {
        world
            .anyone
            .request("POST", "/oauth/authorize")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.clone())
    };
    let by_token =
        form().header("authorization", format!("Bearer {}", world.admin.token())).header("origin", world.admin.url());
    assert_eq!(world.anyone.send(by_token).await.status, 303);
    let cookie = &person.cookies;
    let foreign = form().header("cookie", cookie).header("origin", "https://evil.example");
    world.anyone.send(foreign).await.problem(403, "origin_foreign");
    assert_eq!(world.anyone.send(form().header("cookie", cookie)).await.status, 403);
    let framed = form().header("cookie", cookie).header("sec-fetch-site", "cross-site");
    assert_eq!(world.anyone.send(framed).await.status, 403);
    person.get(&format!("/oauth/authorize?{}&answer=yes", query(&good))).await.expect(200);
    assert_eq!(world.admin.events().await.len(), before);
    assert!(world.person.get("/settings/programs").await.expect(200).text().contains("No program is connected"));

    for uris in [
        json!([]),
        json!(["https://a.example/#x"]),
        json!(["javascript:alert(1)"]),
        json!(["http://a.example/"]),
        json!("x"),
    ] {
        assert_eq!(world.anyone.post("/oauth/register", json!({ "redirect_uris": uris })).await.status, 400);
    }
    let large = json!({ "redirect_uris": [REDIRECT], "client_name": "x".repeat(20_000) });
    assert_eq!(world.anyone.post("/oauth/register", large).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_grants_no_more_than_he_has() {
    let world = World::new().await;
    world.admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    // Without tokens:write nobody connects a program.
    let mut looks = Browser::new(&world.app);
    looks.login(&token(&world.admin, "looks", &["secrets:read", "sessions:write"]).await).await;
    let (verifier, challenge) = pkce();
    let asked = with(asking(&world.client, &challenge), "scope", "secrets:read functions:publish audit:read");
    let page = format!("/oauth/authorize?{}", query(&asked));
    looks.get(&page).await.expect(403);
    looks.post("/oauth/authorize", &with(asked.clone(), "answer", "yes")).await.expect(403);
    looks.get("/settings/programs").await.expect(403);
    // Who is limited to environments opens no session, and so connects none.
    let body = json!({ "name": "tester", "scopes": ["sessions:write", "tokens:write"], "environments": ["test"] });
    let limited = world.admin.post("/api/v1/tokens", body).await.expect(201).json();
    let limited = world.admin.with_token(str(&limited["token"]));
    limited.post("/api/v1/login-links", json!({})).await.problem(403, "forbidden");
    let mut person = Browser::new(&world.app);
    let scopes = ["secrets:read", "sessions:write", "tokens:write", "tokens:read"];
    person.login(&token(&world.admin, "narrow", &scopes).await).await;
    let shown = person.get(&page).await.expect(200).text();
    assert!(shown.contains("functions:publish") && shown.contains("does not get it"), "{shown}");
    let code = code(&person, &asked).await;
    let issued = trade(&world.anyone, &first(&world.client, &code, &verifier)).await.expect(200).json();
    assert_eq!(issued["scope"], "secrets:read");
    // Another account's programs are not there.
    let other = world.app.account("other").await;
    let mut foreign = Browser::new(&world.app);
    foreign.login(&other).await;
    let listed = world.person.get("/settings/programs").await.expect(200).text();
    let id = listed.split_once("/settings/programs/").unwrap().1.split('/').next().unwrap().to_owned();
    foreign.post(&format!("/settings/programs/{id}/revoke"), &[]).await.expect(404);
    assert!(works(&world.app, &issued["access_token"]).await);
}

/// Serves `document` to whoever asks, and counts who did.
async fn site(document: impl Fn(&str) -> Value) -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let id = format!("http://{}/client.json", listener.local_addr().unwrap());
    let (body, asked) = (document(&id).to_string(), std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let counted = std::sync::Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (id, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_own_document_is_fetched_only_where_that_is_harmless() {
    let document = |id: &str| json!({ "client_id": id, "client_name": "Documented", "redirect_uris": [REDIRECT] });
    let (id, asked) = site(document).await;
    let (other, _) =
        site(|_| json!({ "client_id": "https://victim.example/client.json", "redirect_uris": [REDIRECT] })).await;
    let count = || asked.load(std::sync::atomic::Ordering::SeqCst);
    let (verifier, challenge) = pkce();
    let page = |client: &str| format!("/oauth/authorize?{}", query(&asking(client, &challenge)));

    // No server by itself asks an address of its own network, whoever names it.
    let closed = World::new().await;
    for address in [
        id.as_str(),
        "http://169.254.169.254/latest",
        "https://localhost/x",
        "file:///etc/passwd",
        "https://user@a.example/x",
    ] {
        closed.person.get(&page(address)).await.expect(400);
    }
    let nobody = Browser::new(&closed.app);
    nobody.get(&page(&id)).await.expect(303);
    assert_eq!(count(), 0, "nothing was fetched");

    let app = App::start_with(&["--allow-network", "127.0.0.1/32"]);
    let mut person = Browser::new(&app);
    person.login(&app.admin()).await;
    let shown = person.get(&page(&id)).await.expect(200).text();
    assert!(shown.contains("Documented") && shown.contains("a document at"), "{shown}");
    assert_eq!(count(), 1);
    person.get(&page(&other)).await.expect(400);
    let code = code(&person, &asking(&id, &challenge)).await;
    let issued = trade(&app.anonymous(), &first(&id, &code, &verifier)).await.expect(200).json();
    assert!(works(&app, &issued["access_token"]).await);
}

/// The key that made a client's id can be replaced; the client, its consent and its tokens stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_outlasts_the_key_that_made_its_id() {
    let world = World::new().await;
    let tokens = world.connected().await;
    for _ in 0..2 {
        world.admin.call("POST", "/api/v1/key/rotate", None).await.expect(200);
    }
    assert!(works(&world.app, &tokens["access_token"]).await);
    let fresh = refresh(&world.anyone, &world.client, &tokens["refresh_token"]).await.expect(200).json();
    assert!(works(&world.app, &fresh["access_token"]).await);
    assert!(works(&world.app, &world.connected().await["access_token"]).await);
}
