//! Rotators on the command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use support::TestServer;

/// Makes values by itself, and refuses to verify those of the second rotation.
const ROTATES: &str = r#"
Deno.serve(async (request) => {
  const { step, current, pending } = await request.json();
  if (step === "create") return Response.json({ value: current === "the first value 0123" ? "the second value 0123" : 7 });
  if (step === "verify") return Response.json({ valid: pending === "the second value 0123" });
  return new Response(null, { status: 204 });
});
"#;

#[test]
fn the_life_of_a_rotator() {
    let server = TestServer::start();
    let said = |args: &[&str]| server.run(&[&["secret"], args].concat()).transcript(&server);
    std::fs::write(server.home().join("rotates.ts"), ROTATES).unwrap();
    server.run(&["function", "deploy", "rotates", "rotates.ts"]).ok();
    server.run_with(&["secret", "put", "API_KEY"], b"the first value 0123").ok();
    assert_eq!(
        said(&["rotator", "show", "API_KEY"]),
        "exit 4\n--\nerror: there is no rotator of this name in this account."
    );
    assert_eq!(server.run(&["secret", "rotator", "set", "API_KEY"]).code, 2, "a kind is asked for");
    assert_eq!(
        said(&["rotator", "set", "API_KEY", "--function", "rotates", "--every", "often"]).lines().next(),
        Some("exit 2")
    );
    assert_eq!(
        said(&["rotator", "set", "API_KEY", "--function", "nobodys"]),
        "exit 1\n--\nerror: function: there is no such function."
    );
    assert_eq!(
        said(&["rotator", "set", "API_KEY", "--postgres"]),
        "exit 1\n--\nerror: name: its value must be a URL like postgres://user:password@host:5432/database."
    );
    assert_eq!(
        said(&["rotator", "set", "API_KEY", "--function", "rotates"]),
        "exit 0\nAPI_KEY in production is rotated by the function rotates; start it: tresor secret rotate API_KEY\n--"
    );
    assert_eq!(said(&["rotation", "list", "API_KEY"]).lines().last(), Some("API_KEY was not rotated yet"));
    let done = server.run(&["secret", "rotate", "API_KEY", "--wait"]).ok();
    assert_eq!(done.stdout, "Rotated API_KEY to version 2; the one before is retired\n");
    assert!(done.stderr.is_empty() || done.stderr.contains(": "), "{done:?}");

    // A function that answers nonsense: the exit code tells, and what to do.
    let failed = server.run(&["secret", "rotate", "API_KEY", "-e", "production", "--wait"]);
    assert_eq!(failed.code, 1);
    let told = "error: the rotation of API_KEY is failed at the step create: the function's answer to create is not {\"value\": \"…\"}";
    assert!(failed.stderr.contains(told), "{failed:?}");
    assert!(failed.stderr.contains("hint: mend it, then: tresor secret rotation retry API_KEY --wait"), "{failed:?}");
    assert_eq!(server.run(&["secret", "rotation", "retry", "API_KEY", "--wait"]).code, 1);
    assert_eq!(said(&["rotate", "API_KEY"]), "exit 5\n--\nerror: its last rotation failed: retry or cancel that.");
    let shown = said(&["rotator", "show", "API_KEY"]);
    assert!(
        shown.contains("rotated by  the function rotates") && shown.contains("failed, at the step create"),
        "{shown}"
    );
    let listed = server.run(&["secret", "rotation", "list", "API_KEY", "--json"]).ok().json();
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][1]["version"]), (2, &serde_json::json!(2)));
    assert_eq!(said(&["rotation", "cancel", "API_KEY"]), "exit 0\nThe rotation of API_KEY is cancelled\n--");
    assert_eq!(
        said(&["rotation", "retry", "API_KEY"]),
        "exit 5\n--\nerror: this rotation is cancelled: it can neither be retried nor cancelled any more."
    );
    let every = said(&["rotator", "set", "API_KEY", "--function", "rotates", "--every", "30d"]);
    assert!(every.contains("is rotated by the function rotates; the next time in "), "{every}");
    assert_eq!(said(&["rotator", "remove", "API_KEY"]), "exit 0\n--\nRemoved the rotator of API_KEY");
}
