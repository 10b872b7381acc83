//! Transcripts of `tresor provider` against a real server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use support::TestServer;

#[test]
fn providers_are_looked_up_and_values_suggest_theirs() {
    let server = TestServer::start();
    let said = |args: &[&str]| server.run(args).transcript(&server);
    let key = format!("sk_test_{}", "0a1B".repeat(6));

    assert_eq!(
        said(&["provider", "list", "hugging"]),
        "exit 0\nID  NAME  CATEGORIES  SECRETS\nhuggingface  Hugging Face  ai  HF_TOKEN\n--"
    );
    assert_eq!(
        said(&["provider", "list", "acme"]),
        "exit 0\n--\nNo provider matches; a secret of any other service is stored just the same"
    );
    let stripe = said(&["provider", "get", "stripe"]);
    for line in [
        "name  Stripe",
        "secret  STRIPE_SECRET_KEY",
        "hosts  api.stripe.com files.stripe.com",
        "test keys  sk_test_ rk_test_",
    ] {
        assert!(stripe.contains(line), "{line}: {stripe}");
    }
    assert_eq!(
        said(&["provider", "get", "acme"]),
        "exit 4\n--\nerror: there is no provider of this name in this account."
    );
    assert_eq!(
        server.run_with(&["provider", "suggest"], key.as_bytes()).transcript(&server),
        "exit 0\nNAME  PROVIDER  WHAT  MODE  FIT\nSTRIPE_SECRET_KEY  Stripe  Secret or restricted key  test  whole\nWORKOS_API_KEY  WorkOS  API key  test  whole\n--"
    );
    assert_eq!(
        server.run_with(&["provider", "check", "own"], b"hunter2").transcript(&server),
        "exit 1\nown: unknown: no harmless request is known that checks such a secret of Your own application\n--\n\
         error: whether own works is not known"
    );
    server.run_with(&["secret", "put", "STRIPE_WEBHOOK_SECRET"], b"hunter2").ok();
    assert_eq!(
        said(&["secret", "check", "STRIPE_WEBHOOK_SECRET"]),
        "exit 1\nSTRIPE_WEBHOOK_SECRET: unknown: no harmless request is known that checks such a secret of Stripe\n--\n\
         error: whether STRIPE_WEBHOOK_SECRET works is not known"
    );
    assert_eq!(server.run(&["secret", "check", "STRIPE_WEBHOOK_SECRET", "--json"]).json()["reason"], "no_probe");
    let json = server.run_with(&["provider", "suggest", "--json"], key.as_bytes()).ok().json();
    assert_eq!(json["items"][0]["provider"], "stripe");
    assert_eq!(
        server.run_with(&["provider", "suggest"], b"hunter2").transcript(&server),
        "exit 0\n--\nIt does not tell what it is; name it after the service that it is for"
    );
    assert_eq!(
        server
            .run_with(&["secret", "put", "STRIPE_SECRET_KEY", "--delivery", "brokered"], key.as_bytes())
            .transcript(&server),
        "exit 0\nStored STRIPE_SECRET_KEY in production as version 1: sk_t****0a1B\n--\nIts value goes only to api.stripe.com, files.stripe.com\n\
         warning: the value is a test key; nothing real will happen with it in production"
    );
}
