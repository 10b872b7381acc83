//! Webhooks on the command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use support::TestServer;

#[test]
fn the_life_of_a_webhook() {
    let server = TestServer::start();
    let said = |args: &[&str]| server.run(&[&["webhook"], args].concat()).transcript(&server);
    let put = ["put", "chat", "https://hooks.invalid/tresor", "--event", "secret_request.created"];
    assert_eq!(said(&["list"]), "exit 0\n--\nNo webhooks yet. Make one: tresor webhook put NAME ADDRESS --event EVENT");
    let made = server.run(&[&["webhook"], &put[..]].concat()).ok();
    let key = made.stdout.trim();
    assert!(key.starts_with("whsec_") && key.len() == 50, "{made:?}");
    assert!(made.stderr.contains("it is not shown again"), "{made:?}");
    assert_eq!(said(&put), "exit 0\nChanged the webhook chat; its key is as it was\n--");
    assert_eq!(
        said(&["list"]),
        "exit 0\nNAME  STATE  EVENTS  LAST TAKEN  WAITING  URL\n\
         chat  works  secret_request.created  never  0  https://hooks.invalid/tresor\n--"
    );
    assert_eq!(
        said(&["test", "chat"]),
        "exit 1\nchat: it did not answer within 10 seconds, or not over valid TLS\n--\nerror: chat did not take the message"
    );
    let rotated = server.run(&["webhook", "rotate", "chat"]).ok();
    assert!(rotated.stdout.starts_with("whsec_") && rotated.stdout.trim() != key, "{rotated:?}");
    assert!(rotated.stderr.contains("signed with the one before too"), "{rotated:?}");
    let rotated = server.run(&["webhook", "rotate", "chat", "--overlap", "none", "--json"]).ok();
    assert!(rotated.stdout.contains("whsec_") && !rotated.stdout.contains("previous_until"), "{rotated:?}");
    assert_eq!(
        said(&["rotate", "chat", "--overlap", "soon"]),
        "exit 1\n--\nerror: overlap: must be a time from 1s to 30d, like 90s, 10m, 24h or 7d."
    );
    assert_eq!(
        said(&["put", "chat", "http://127.0.0.1/", "--event", "secret_request.created"]),
        "exit 1\n--\nerror: url: is not an address of the internet, or not https; the operator can allow a network with --allow-network."
    );
    assert_eq!(said(&["delete", "chat"]), "exit 0\n--\nDeleted chat");
    assert_eq!(said(&["test", "chat"]), "exit 4\n--\nerror: there is no webhook of this name in this account.");
    assert_eq!(server.run(&["webhook", "put", "chat", "https://hooks.invalid/"]).code, 2, "an event is asked for");
}
