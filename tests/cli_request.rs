//! Asking people for secrets on the command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use support::{Finished, TestServer};

fn said(server: &TestServer, finished: &Finished, id: &str) -> String {
    finished.transcript(server).replace(id, "ID")
}

#[test]
fn the_life_of_a_request() {
    let server = TestServer::start();
    let asked =
        server.run(&["secret", "request", "SENDGRID_API_KEY", "--reason", "to send mail", "--json"]).ok().json();
    let id = asked["id"].as_str().unwrap();
    let run = |args: &[&str]| said(&server, &server.run(args), id);
    assert_eq!(
        run(&["secret", "request", "SENDGRID_API_KEY", "--reason", "to send mail"]),
        "exit 0\nURL/requests/ID\n--\nhint: a person who is logged in opens this link and enters SENDGRID_API_KEY; see how it went: \
         tresor secret requests get ID"
    );
    assert_eq!(
        run(&["secret", "requests", "list"]),
        "exit 0\nSECRET  ENVIRONMENT  STATUS  ASKED FOR BY  CREATED  ID\nSENDGRID_API_KEY  production  pending  admin  just now  ID\n--"
    );
    assert_eq!(
        run(&["secret", "requests", "get", id]),
        "exit 0\nid  ID\nsecret  SENDGRID_API_KEY\nenvironment  production\nstatus  pending\nreason  to send mail\nlink  URL/requests/ID\n\
         created  just now by admin\nexpires  in 7 days\n--"
    );
    assert_eq!(run(&["secret", "requests", "decline", id]), "exit 0\nThe request for SENDGRID_API_KEY is declined\n--");
    assert_eq!(
        run(&["secret", "requests", "cancel", id]),
        "exit 5\n--\nerror: this secret request is declined: it cannot be answered any more."
    );
    assert_eq!(run(&["secret", "requests", "list"]), "exit 0\n--\nNobody waits for a secret");
    assert_eq!(
        run(&["secret", "requests", "get", id, "--wait"]),
        "exit 1\n--\nerror: SENDGRID_API_KEY in production was declined"
    );
    assert_eq!(
        server.run(&["secret", "requests", "list", "--all", "--json"]).ok().json()["items"][0]["status"],
        "declined"
    );
    assert_eq!(server.run(&["secret", "request", "KEY"]).code, 2, "a reason is asked for");
    assert_eq!(server.run(&["secret", "requests", "get", ".."]).code, 2);
}

#[test]
fn waiting_ends_when_somebody_answers() {
    let server = TestServer::start();
    let waiting = server.cli(&["secret", "request", "KEY", "--reason", "to test", "--wait"]);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| support::run(waiting, None));
        while server.run(&["secret", "requests", "list", "--json"]).ok().json()["items"].as_array().unwrap().is_empty()
        {
        }
        server.run_with(&["secret", "put", "KEY"], b"value").ok();
        let ended = waiting.join().unwrap().ok();
        assert_eq!(ended.stdout, "KEY in production was fulfilled\n");
        assert!(ended.stderr.contains("Waiting for somebody to enter KEY at "), "{ended:?}");
    });
}

#[test]
fn a_deployment_asks_for_what_it_lacks() {
    let server = TestServer::start();
    assert!(server.has_deno(), "functions must run for this test: run `npm ci`");
    let source = "Deno.serve(() => new Response(Deno.env.get('FIRST_KEY') + Deno.env.get('SECOND_KEY')));";
    std::fs::write(server.home().join("mail.ts"), source).unwrap();
    server.run_with(&["secret", "put", "SECOND_KEY"], b"value").ok();
    let hinted = server.run(&["function", "deploy", "mail", "mail.ts"]).ok();
    assert!(hinted.stderr.contains("deploy again with --request-missing"), "{hinted:?}");
    let asked = server.run(&["function", "deploy", "mail", "mail.ts", "--request-missing"]).ok();
    assert!(asked.stderr.contains("Asked for FIRST_KEY: ") && !asked.stderr.contains("SECOND_KEY"), "{asked:?}");
    let open = server.run(&["secret", "requests", "list", "--json"]).ok().json();
    assert_eq!((open["items"].as_array().unwrap().len(), &open["items"][0]["name"]), (1, &"FIRST_KEY".into()));
    assert_eq!(open["items"][0]["reason"], "The function mail reads it.");
    // What the function would not get anyway is not asked for.
    let none = server.run(&["function", "deploy", "mail", "mail.ts", "--secrets", "none", "--request-missing"]).ok();
    assert!(!none.stderr.contains("Asked for"), "{none:?}");
}
