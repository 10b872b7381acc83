//! `tresor mcp`: an assistant that starts its server itself, and speaks to it on stdin and stdout.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Finished, TestServer, run};

const NEW: &str = "2026-07-28";

fn line(id: u64, method: &str, params: Value) -> String {
    format!("{}\n", json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
}

fn modern(id: u64, method: &str, mut params: Value) -> String {
    params["_meta"] = json!({ "io.modelcontextprotocol/protocolVersion": NEW,
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" }, "io.modelcontextprotocol/clientCapabilities": {} });
    line(id, method, params)
}

/// The answers by id, after checking that nothing else is on stdout.
fn answers(finished: &Finished) -> BTreeMap<u64, Value> {
    let parsed = finished.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    parsed
        .map(|answer| {
            assert_eq!(answer["jsonrpc"], "2.0", "{answer}");
            (answer["id"].as_u64().unwrap_or(0), answer)
        })
        .collect()
}

#[test]
fn both_revisions_pass_through() {
    let server = TestServer::start();
    let canary = "canary-5f1d0c7e9ab2-value";
    let call = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    let input = [
        modern(1, "server/discover", json!({})),
        modern(2, "tools/list", json!({})),
        modern(3, "tools/call", call("put_secret", json!({ "name": "MAIL_KEY", "value": canary }))),
        modern(4, "resources/read", json!({ "uri": "tresor://catalogue/stripe" })),
        modern(5, "tools/call", call("get_secret", json!({ "name": "keyé" }))),
        "\n".to_owned(),
        format!("not a message {canary}\n"),
    ];
    let finished = server.run_with(&["mcp"], input.concat().as_bytes()).ok();
    let answers = answers(&finished);
    assert_eq!(answers.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5], "{finished:?}");
    assert!(answers[&1]["result"]["supportedVersions"].as_array().unwrap().contains(&json!(NEW)));
    assert!(answers[&2]["result"]["tools"].as_array().unwrap().len() > 10);
    assert_eq!(answers[&3]["result"]["structuredContent"]["outcome"], "new");
    assert!(answers[&4].to_string().contains("STRIPE_SECRET_KEY"));
    assert_eq!(answers[&5]["result"]["isError"], true);
    assert_eq!(answers[&0]["error"]["code"], -32700);
    assert!(!finished.stdout.contains(canary) && finished.stderr.is_empty(), "{finished:?}");
}

#[test]
fn a_client_of_the_older_revision_shakes_hands_and_goes_on() {
    let server = TestServer::start();
    let mut child =
        server.cli(&["mcp"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut ask = |text: String| {
        stdin.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stdout.read_line(&mut answer).unwrap();
        serde_json::from_str::<Value>(&answer).unwrap()
    };
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } });
    assert_eq!(ask(line(1, "initialize", hello))["result"]["protocolVersion"], "2025-11-25");
    // A notification has no answer: the next line is that of the request after it.
    let ready = format!("{}\n", json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    assert_eq!(ask(ready + &line(2, "ping", json!({})))["id"], 2);
    assert!(ask(line(3, "prompts/list", json!({})))["result"]["prompts"].as_array().unwrap().len() > 1);
    drop(stdin);
    assert!(child.wait().unwrap().success(), "it ends when its input does");
}

#[test]
fn a_call_that_waits_holds_up_no_other_and_can_be_cancelled() {
    let server = TestServer::start();
    let request = server.run(&["secret", "request", "KEY", "--reason", "to test", "--json"]).ok().json();
    let wait = json!({ "name": "get_secret_request", "arguments": { "id": request["id"] } });
    let cancel =
        format!("{}\n", json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } }));
    let mut child = server.cli(&["mcp"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    stdin.write_all((modern(1, "tools/call", wait) + &modern(2, "tools/list", json!({}))).as_bytes()).unwrap();
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap()["id"], 2);
    stdin.write_all(cancel.as_bytes()).unwrap();
    drop(stdin);
    let rest: Vec<_> = stdout.lines().map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success() && rest.is_empty(), "what is cancelled is not answered: {rest:?}");
}

#[test]
fn what_goes_wrong_is_said_in_messages() {
    let server = TestServer::start();
    let asked = modern(1, "tools/list", json!({}));
    let wrong = |mut command: Command, name: &str, value: &str| {
        let finished = run(
            {
                command.env(name, value);
                command
            },
            Some(asked.as_bytes()),
        )
        .ok();
        answers(&finished)[&1]["error"]["message"].as_str().unwrap().to_owned()
    };
    let unknown = domain::token::encode(domain::token::Kind::Token, &[7; 20]);
    assert!(wrong(server.cli(&["mcp"]), "TRESOR_TOKEN", &unknown).contains("unauthenticated"));
    let nobody = wrong(server.cli(&["mcp"]), "TRESOR_URL", "http://127.0.0.1:1");
    assert!(nobody.contains("could not reach a server"), "{nobody}");
    let mut cut = server.cli(&["mcp"]);
    cut.env("TRESOR_TOKEN", "trs_cut");
    let cut = run(cut, Some(asked.as_bytes()));
    assert!((cut.code, cut.stdout.as_str()) == (3, ""), "{cut:?}");
}
