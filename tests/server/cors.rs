//! Functions that pages of other origins call.

use serde_json::json;

use crate::api::{Answer, App, Client};

const PAGE: &str = "https://app.example.com";

async fn preflight(client: &Client, function: &str, origin: &str) -> Answer {
    let request = client.request("OPTIONS", &format!("/functions/v1/{function}")).header("origin", origin);
    let request = request.header("access-control-request-method", "PUT");
    client.send(request.header("access-control-request-headers", "authorization, content-type")).await
}

fn granted(answer: &Answer) -> (&str, &str) {
    (answer.header("access-control-allow-origin"), answer.header("vary"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_answers_browsers_for_the_origins_of_the_deployment() {
    let app = App::start();
    let admin = app.admin();
    let source = "Deno.serve((request) => {\n\
                  if (new URL(request.url).pathname.endsWith('/throw')) throw new Error('no');\n\
                  return new Response(request.method, { headers: { 'access-control-allow-origin': 'https://evil.example', \
                  'access-control-allow-credentials': 'true', vary: 'accept' } });\n})";
    let deployed = admin.deploy("listed", source, json!({ "cors_origins": [PAGE, "http://localhost:3000"] })).await;
    assert_eq!(deployed["cors_origins"], json!(["http://localhost:3000", PAGE]));
    let stranger = app.anonymous();

    // Asked in advance, without a token, though the function wants one.
    let asked = preflight(&stranger, "listed", PAGE).await.expect(204);
    assert_eq!(asked.header("access-control-allow-origin"), PAGE);
    assert_eq!(asked.header("access-control-allow-methods"), "PUT");
    assert_eq!(asked.header("access-control-allow-headers"), "authorization, content-type");
    assert_eq!(asked.header("access-control-allow-credentials"), "");
    let other = preflight(&stranger, "listed", "https://evil.example").await.expect(204);
    for name in ["access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers"] {
        assert_eq!(other.header(name), "", "{name}");
    }

    // The answer, and the gateway's own errors, can be read by those pages and by no other.
    let call = async |client: &Client, path: &str, origin: &str| {
        client.send(client.request("GET", &format!("/functions/v1/listed{path}")).header("origin", origin)).await
    };
    let answer = call(&admin, "", PAGE).await.expect(200);
    assert_eq!((answer.text().as_str(), granted(&answer).0), ("GET", PAGE));
    assert_eq!(answer.header("access-control-allow-credentials"), "", "the function's own word does not count");
    let varies: Vec<_> = answer.headers.get_all("vary").iter().collect();
    assert_eq!(varies, ["accept", "origin"]);
    for evil in ["https://evil.example", "null", "https://app.example.com.evil.example", "https://APP.example.com"] {
        assert_eq!(granted(&call(&admin, "", evil).await.expect(200)).0, "", "{evil}");
    }
    for (client, path, status) in [(&stranger, "", 401), (&admin, "/throw", 502)] {
        let answer = call(client, path, PAGE).await.expect(status);
        assert_eq!(granted(&answer), (PAGE, "origin"));
    }
    // An OPTIONS request that asks nothing in advance is the function's.
    let options = admin.send(admin.request("OPTIONS", "/functions/v1/listed").header("origin", PAGE)).await;
    assert_eq!(options.expect(200).text(), "OPTIONS");

    admin.deploy("any", source, json!({ "access": "public", "cors_origins": ["*"] })).await;
    assert_eq!(granted(&preflight(&stranger, "any", "https://x.example").await.expect(204)).0, "*");
    let answer = stranger.send(stranger.request("GET", "/functions/v1/any").header("origin", "null")).await.expect(200);
    assert_eq!(granted(&answer), ("*", "accept"));

    // Without origins the function has the word, as people write functions for Supabase.
    let own =
        "Deno.serve((request) => new Response(request.method, { headers: { 'access-control-allow-origin': '*' } }))";
    admin.deploy("own", own, json!({ "access": "public" })).await;
    let asked = preflight(&stranger, "own", PAGE).await.expect(200);
    assert_eq!((asked.text().as_str(), granted(&asked).0), ("OPTIONS", "*"));
    admin.deploy("closed", own, json!({})).await;
    preflight(&stranger, "closed", PAGE).await.problem(401, "unauthenticated");

    // Origins belong to the deployment, and a rollback brings back what it had.
    admin.deploy("listed", source, json!({})).await;
    preflight(&stranger, "listed", PAGE).await.problem(401, "unauthenticated");
    admin.post("/api/v1/functions/listed/rollback", json!({ "number": 1 })).await.expect(200);
    assert_eq!(granted(&preflight(&stranger, "listed", PAGE).await.expect(204)).0, PAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn origins_that_are_none_are_refused() {
    let app = App::start();
    let admin = app.admin();
    for origins in [json!(["app.example.com"]), json!(["*", PAGE]), json!(["https://a/b"]), json!(["null"])] {
        let body = json!({ "source": "Deno.serve(() => new Response())", "cors_origins": origins });
        let problem = admin.put("/api/v1/functions/bad", body).await.problem(422, "origin_invalid");
        assert_eq!(problem["errors"][0]["field"], "cors_origins");
    }
    admin.get("/api/v1/functions/bad").await.problem(404, "not_found");
}
