//! `tresor secret health`: what should be done, with an exit code that CI can go by.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use support::TestServer;

#[test]
fn findings_are_told_with_the_command_that_helps_and_fail_a_build() {
    let server = TestServer::start();
    let run = |args: &[&str]| server.run(&[&["secret", "health"], args].concat());
    assert_eq!(run(&[]).transcript(&server), "exit 0\n--\nNothing to do: 0 secrets looked at");
    server.run_with(&["secret", "put", "VITE_TOKEN"], b"4bFz0mQx8sWv2LpTn6RkYc1HdJ9aGe3U").ok();
    server.run_with(&["secret", "put", "PLAIN_TOKEN"], b"Zk3uQ9wE7rT1yU5iO2pA8sD4fG6hJ0lX").ok();
    assert_eq!(
        run(&[]).transcript(&server),
        "exit 1\nSEVERITY  FINDING  WHAT  TO DO IT\n\
         medium  browser_exposed  VITE_TOKEN in production begins with VITE_: build tools put the values of such names into pages, for all to read.  tresor secret put TOKEN -e production\n\
         --\n0 high, 1 medium, 0 low\nerror: 1 finding\nhint: --fail-on says which severity makes the exit code 1"
    );
    assert_eq!(run(&["--fail-on", "medium"]).code, 1);
    for calm in [["--fail-on", "high"], ["--fail-on", "never"]] {
        assert_eq!(run(&calm).code, 0, "{calm:?}");
    }
    let json = run(&["--json", "--fail-on", "high"]).ok().json();
    assert_eq!(
        (json["findings"][0]["kind"].as_str(), json["counts"]["medium"].as_u64()),
        (Some("browser_exposed"), Some(1))
    );
    assert_eq!(run(&["--fail-on", "loud"]).code, 2);
    assert_eq!(
        run(&["-e", "nowhere"]).transcript(&server),
        "exit 1\n--\nerror: environment: there is no such environment in this account: make it first."
    );
}
