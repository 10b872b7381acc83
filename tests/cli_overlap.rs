//! `tresor secret put --overlap`: what is said of it, and that it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use support::TestServer;

#[test]
fn an_overlap_is_set_told_and_ended() {
    let server = TestServer::start();
    let put = |value: &[u8], more: &[&str]| server.run_with(&[&["secret", "put", "HOOK"], more].concat(), value);
    put(b"first-value", &["--overlap", "24h"]).ok();
    let replaced = put(b"other-value", &[]).ok();
    assert!(replaced.stderr.contains("Functions also get version 1 as HOOK_PREVIOUS, which ends in"), "{replaced:?}");
    let shown = server.run(&["secret", "get", "HOOK"]).ok().stdout;
    assert!(shown.contains("overlap") && shown.contains("previous") && shown.contains("version 1, ends in"), "{shown}");
    put(b"", &["--keep-value", "--overlap", "none"]).ok();
    let json = server.run(&["secret", "get", "HOOK", "--json"]).ok().json();
    assert_eq!((json.get("overlap"), json.get("previous")), (None, None));
    let refused = put(b"value", &["--overlap", "soon"]);
    assert_eq!(
        refused.transcript(&server),
        "exit 1\n--\nerror: overlap: must be a time from 1s to 30d, like 90s, 10m, 24h or 7d."
    );
}
