//! The catalogue's data keeps its own rules, and what is said of values is right for every entry. Values are made from
//! the formats as the test runs: none is written down.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use domain::catalogue::{self, Finding, Kind, Mode, Provider, Secret, Severity, Verdict};
use domain::{EnvironmentName, SecretName};
use proptest::strategy::{Strategy, ValueTree};
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;

fn each() -> impl Iterator<Item = (&'static Provider, &'static Secret)> {
    catalogue::all().iter().flat_map(|provider| provider.secrets.iter().map(move |secret| (provider, secret)))
}

fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

fn review(text: &str, value: &str, environment: &str) -> Vec<Finding> {
    catalogue::review(&name(text), value, Some(&EnvironmentName::parse(environment).unwrap()))
}

fn codes(text: &str, value: &str, environment: &str) -> Vec<&'static str> {
    review(text, value, environment).iter().map(|finding| finding.code).collect()
}

/// Values of the secret's form, the same in every run. Formats with `\S` or `[\s\S]` could give any text at all.
fn values(secret: &Secret) -> Vec<String> {
    let Some(format) = secret.format.as_ref().filter(|format| !format.as_str().contains("\\S")) else {
        return Vec::new();
    };
    let strategy = string_regex(format.as_str().trim_start_matches('^').trim_end_matches('$')).unwrap();
    let mut runner = TestRunner::deterministic();
    (0..8).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn value(text: &str) -> String {
    let (_, secret) = catalogue::for_name(&name(text)).unwrap();
    values(secret).remove(0)
}

fn live(text: &str, start: &str) -> String {
    let (_, secret) = catalogue::for_name(&name(text)).unwrap();
    let mut runner = TestRunner::deterministic();
    let format = secret.format.as_ref().unwrap().as_str().trim_start_matches('^').trim_end_matches('$');
    let strategy = string_regex(format).unwrap();
    (0..200).map(|_| strategy.new_tree(&mut runner).unwrap().current()).find(|value| value.starts_with(start)).unwrap()
}

#[test]
fn data_is_whole() {
    assert!(catalogue::all().len() >= 80, "{} providers", catalogue::all().len());
    let mut ids = BTreeSet::new();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for provider in catalogue::all() {
        let id = provider.id.as_str();
        assert!(ids.insert(id), "{id} twice");
        assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{id}");
        assert!(!provider.name.is_empty() && !provider.categories.is_empty() && !provider.secrets.is_empty(), "{id}");
        assert!(provider.website.starts_with("https://"), "{id}");
        assert!(provider.checked.as_ref().is_none_or(|url| url.starts_with("https://")), "{id}");
        for secret in &provider.secrets {
            assert!(!secret.names.is_empty() && !secret.what.is_empty(), "{id}");
            assert!(!secret.get.help.is_empty() && secret.get.help.ends_with(|c: char| c != ' '), "{id}");
            assert!(secret.get.url.as_ref().is_none_or(|url| url.starts_with("https://")), "{id}");
            assert!(secret.rotate.ends_with('.'), "{id}: {}", secret.rotate);
            for name in &secret.names {
                *names.entry(name.as_str()).or_default() += 1;
            }
        }
    }
    let shared: Vec<&str> = names.iter().filter(|(_, count)| **count > 1).map(|(name, _)| *name).collect();
    assert_eq!(shared, ["DATABASE_URL", "MAPBOX_ACCESS_TOKEN"], "names of several secrets");
}

/// A scanner of secrets must find nothing in the catalogue, nor may its examples pass for values.
#[test]
fn masks_are_no_values() {
    for (provider, secret) in each() {
        assert!(
            secret.mask.contains("****") || secret.kind == Kind::Publishable || secret.mask.ends_with(" ****"),
            "{}",
            provider.id
        );
        assert!(secret.mask.len() <= 48, "{}", provider.id);
        let known = secret.format.is_some() && !secret.format.as_ref().unwrap().as_str().contains("\\S");
        assert!(!known || !secret.fits(&secret.mask), "{}: {} fits its own format", provider.id, secret.mask);
        assert!(codes(secret.names[0].as_str(), &secret.mask, "staging").contains(&"masked"), "{}", provider.id);
    }
}

#[test]
fn hosts_are_hosts() {
    for (provider, secret) in each() {
        for host in &secret.hosts {
            let filled = host.strip_prefix('{').and_then(|rest| rest.split_once("}."));
            let bare = filled.map_or(host.strip_prefix("*.").unwrap_or(host), |(_, domain)| domain);
            assert_eq!(filled.is_none(), secret.ready_hosts().any(|ready| ready == host), "{host}");
            let label = |part: &str| {
                !part.is_empty()
                    && !part.starts_with('-')
                    && !part.ends_with('-')
                    && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            };
            assert!(bare.contains('.') && bare.split('.').all(label), "{}: {host}", provider.id);
        }
        // Anyone may have code answer there: a wildcard would hand the value to strangers.
        for open in [
            "amazonaws.com",
            "supabase.co",
            "myshopify.com",
            "convex.site",
            "logic.azure.com",
            "vercel.app",
            "workers.dev",
            "hf.space",
            "fly.dev",
        ] {
            assert!(!secret.hosts.iter().any(|host| host.starts_with("*.") && host.ends_with(open)), "{}", provider.id);
        }
    }
}

#[test]
fn probes_are_harmless_and_go_where_the_value_may_go() {
    let mut probes = 0;
    for (provider, secret) in each() {
        let Some(probe) = &secret.probe else { continue };
        let id = &provider.id;
        probes += 1;
        assert!(probe.method == "GET" || id == "slack", "{id}");
        let host = probe.url.strip_prefix("https://").unwrap().split(['/', '?']).next().unwrap();
        let allowed = |pattern: &String| match pattern.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
            None => host == pattern,
        };
        assert!(secret.hosts.iter().any(allowed), "{id}: {host} is none of its hosts");
        let all: Vec<&String> =
            probe.headers.values().chain(probe.basic.iter().flatten()).chain([&probe.url]).collect();
        assert!(all.iter().any(|text| text.contains("{value}")), "{id}: the value is not sent");
        for needed in probe.needs() {
            let own = provider.secrets.iter().flat_map(|secret| &secret.names).any(|name| name.as_str() == needed);
            assert!(own, "{id}: {needed} is none of its names");
        }
        assert!(probe.valid.contains(&200) && probe.valid.iter().all(|status| !probe.invalid.contains(status)), "{id}");
        // Too many requests and errors of the server say nothing of a value.
        assert!(probe.invalid.iter().all(|status| (400..=404).contains(status)), "{id}");
        assert_eq!(probe.verdict(429, None), Verdict::Unknown, "{id}");
        assert_eq!(probe.verdict(500, None), Verdict::Unknown, "{id}");
    }
    assert!(probes >= 60, "{probes} probes");
}

#[test]
fn verdicts() {
    let probe = |id: &str| catalogue::find(id).unwrap().secrets[0].probe.as_ref().unwrap();
    assert_eq!(probe("stripe").verdict(200, None), Verdict::Valid);
    assert_eq!(probe("stripe").verdict(401, None), Verdict::Invalid);
    assert_eq!(probe("stripe").verdict(403, None), Verdict::Unknown);
    assert_eq!(probe("slack").verdict(200, Some(true)), Verdict::Valid);
    assert_eq!(probe("slack").verdict(200, Some(false)), Verdict::Invalid);
    assert_eq!(probe("slack").verdict(200, None), Verdict::Unknown);
    assert_eq!(probe("twilio").needs(), ["TWILIO_ACCOUNT_SID"]);
}

/// The names of the product's brief, and those that people ask for first.
#[test]
fn what_must_be_there() {
    for (wanted, id) in [
        ("SENDGRID_API_KEY", "sendgrid"),
        ("MAILGUN_API_KEY", "mailgun"),
        ("SMTP_PASSWORD", "smtp"),
        ("STRIPE_SECRET_KEY", "stripe"),
        ("PAYPAL_CLIENT_SECRET", "paypal"),
        ("OPENAI_API_KEY", "openai"),
        ("ANTHROPIC_API_KEY", "anthropic"),
        ("GEMINI_API_KEY", "google-ai"),
        ("TWILIO_AUTH_TOKEN", "twilio"),
        ("WEBHOOK_SECRET", "webhooks"),
        ("DATABASE_URL", "postgresql"),
        ("MYSQL_URL", "mysql"),
        ("MONGODB_URI", "mongodb"),
        ("REDIS_URL", "redis"),
        ("AWS_SECRET_ACCESS_KEY", "aws"),
        ("GITHUB_TOKEN", "github"),
        ("STRIPE_SECRET_KEY_TEST", "stripe"),
        ("STRIPE_SECRET_KEY_2", "stripe"),
        ("OPENAI_API_KEY_STAGING", "openai"),
        ("NEXT_PUBLIC_SUPABASE_ANON_KEY", "supabase"),
    ] {
        assert_eq!(catalogue::for_name(&name(wanted)).map(|(provider, _)| provider.id.as_str()), Some(id), "{wanted}");
    }
    assert!(catalogue::for_name(&name("KEY1")).is_none());
}

/// A value under its own name is told nothing but what is true of it.
#[test]
fn good_values_are_left_alone() {
    let mut seen = 0;
    for (provider, secret) in each() {
        for value in values(secret) {
            seen += 1;
            let environment = match secret.mode(&value) {
                Some(Mode::Test) => "test",
                _ => "production",
            };
            for wanted in &secret.names {
                let found = review(wanted.as_str(), &value, environment);
                let told: Vec<_> = found.iter().filter(|finding| finding.severity == Severity::Warning).collect();
                assert!(told.is_empty(), "{} {wanted}: {told:?}", provider.id);
            }
        }
    }
    assert!(seen > 1_000, "{seen} values");
}

/// Where a value's beginning tells what it is, it is among the suggestions, and the longest beginning is the first.
#[test]
fn values_suggest_their_names() {
    for (provider, secret) in each().filter(|(_, secret)| secret.distinct || !secret.prefixes.is_empty()) {
        for value in values(secret) {
            let found = catalogue::suggest(&value);
            let known = secret.distinct || secret.prefixes.iter().any(|prefix| value.starts_with(prefix.as_str()));
            let there = found.iter().any(|one| one.provider.id == provider.id && one.name == &secret.names[0]);
            assert!(!known || there, "{} {}: {found:?}", provider.id, secret.names[0]);
        }
    }
    let first = |text: &str| catalogue::suggest(&value(text)).first().map(|one| (one.name.as_str(), one.certain));
    for wanted in [
        "STRIPE_SECRET_KEY",
        "STRIPE_PUBLISHABLE_KEY",
        "ANTHROPIC_API_KEY",
        "OPENROUTER_API_KEY",
        "SENDGRID_API_KEY",
        "SLACK_BOT_TOKEN",
        "GITHUB_TOKEN",
        "RESEND_API_KEY",
        "GROQ_API_KEY",
        "AWS_ACCESS_KEY_ID",
        "TELEGRAM_BOT_TOKEN",
        "SUPABASE_ACCESS_TOKEN",
        "TWILIO_ACCOUNT_SID",
        "OPENAI_ADMIN_KEY",
        "DEEPSEEK_API_KEY",
    ] {
        assert_eq!(first(wanted), Some((wanted, true)), "{wanted}");
    }
    assert_eq!(catalogue::suggest(&live("OPENAI_API_KEY", "sk-proj-"))[0].name.as_str(), "OPENAI_API_KEY");
    assert_eq!(catalogue::suggest("postgres://a:b@db.example.com/x")[0].name.as_str(), "DATABASE_URL");
    let cut = catalogue::suggest("sk-ant-api03-cut");
    assert_eq!((cut[0].name.as_str(), cut[0].certain), ("ANTHROPIC_API_KEY", false));
    assert_eq!(catalogue::suggest(&live("STRIPE_SECRET_KEY", "sk_test_"))[0].mode, Some(Mode::Test));
    let pasted = format!("  export STRIPE_SECRET_KEY=\"{}\"\n", value("STRIPE_SECRET_KEY"));
    assert_eq!(catalogue::suggest(&pasted)[0].name.as_str(), "STRIPE_SECRET_KEY");
    for nothing in ["", " ", "hunter2", "0123456789abcdef0123456789abcdef", "sk", "ä"] {
        assert!(catalogue::suggest(nothing).is_empty(), "{nothing}");
    }
}

#[test]
fn pasted_text() {
    let key = live("STRIPE_SECRET_KEY", "sk_live_");
    let check = |pasted: String| codes("STRIPE_SECRET_KEY", &pasted, "production");
    assert_eq!(check(key.clone()), [""; 0]);
    assert_eq!(check(format!("{key}\n")), ["surrounding_whitespace"]);
    assert_eq!(check(format!(" {key}")), ["surrounding_whitespace"]);
    assert_eq!(check(format!("\"{key}\"")), ["surrounding_quotes"]);
    assert_eq!(check(format!("“{key}”")), ["surrounding_quotes"]);
    assert_eq!(check(format!("Bearer {key}")), ["bearer_prefix"]);
    assert_eq!(check(format!("Authorization: bearer {key}")), ["bearer_prefix"]);
    assert_eq!(check(format!("STRIPE_SECRET_KEY={key}")), ["whole_line"]);
    assert_eq!(check(format!("export STRIPE_SECRET_KEY='{key}'")), ["surrounding_quotes", "whole_line"]);
    assert_eq!(check(format!("{key}\u{200b}")), ["invisible_character", "wrong_format"]);
    assert_eq!(check(format!("{key}\n{key}")), ["contains_newline", "wrong_format"]);
    for placeholder in [
        "your-api-key",
        "sk_test_your_key_here",
        "changeme",
        "xxx",
        concat!("sk_live", "_xxxxxxxxxxxx"),
        "<secret>",
        "...",
        "sk_live_...",
        "TODO",
        "undefined",
    ] {
        assert_eq!(check(placeholder.to_owned()), ["placeholder"], "{placeholder}");
    }
    assert_eq!(codes("AWS_ACCESS_KEY_ID", concat!("AKIA", "IOSFODNN7", "EXAMPLE"), "production"), ["placeholder"]);
    for masked in ["sk_l****4242", "••••••••"] {
        assert_eq!(check(masked.to_owned()), ["masked"], "{masked}");
    }
    for reference in
        ["${STRIPE_SECRET_KEY}", "$STRIPE_SECRET_KEY", "{{ stripe }}", "process.env.X", "op://vault/item/key"]
    {
        assert_eq!(check(reference.to_owned()), ["not_expanded"], "{reference}");
    }
}

#[test]
fn name_and_value() {
    let stripe = live("STRIPE_SECRET_KEY", "sk_live_");
    assert_eq!(codes("STRIPE_SECRET_KEY", "hunter2hunter2", "production"), ["wrong_format"]);
    assert_eq!(codes("STRIPE_SECRET_KEY", &value("SENDGRID_API_KEY"), "production"), ["other_provider"]);
    assert_eq!(codes("STRIPE_SECRET_KEY", &value("STRIPE_WEBHOOK_SECRET"), "production"), ["other_secret"]);
    let publishable = review("STRIPE_SECRET_KEY", &live("STRIPE_PUBLISHABLE_KEY", "pk_live_"), "production");
    assert_eq!(publishable.iter().map(|f| f.code).collect::<Vec<_>>(), ["other_secret", "publishable_as_secret"]);
    assert_eq!(publishable[1].suggestion, Some(name("STRIPE_PUBLISHABLE_KEY")));
    assert_eq!(
        codes("STRIPE_PUBLISHABLE_KEY", &live("STRIPE_PUBLISHABLE_KEY", "pk_live_"), "production"),
        ["publishable"]
    );
    assert_eq!(codes("COHERE_API_KEY", &stripe, "production"), ["other_provider"]);
    assert_eq!(codes("OPENAI_API_KEY", &value("ANTHROPIC_API_KEY"), "production"), ["other_provider"]);
    let better = review("KEY1", &stripe, "production");
    assert_eq!(
        (better[0].code, better[0].severity, &better[0].suggestion),
        ("better_name", Severity::Note, &Some(name("STRIPE_SECRET_KEY")))
    );
    assert_eq!(codes("KEY1", "hunter2hunter2", "production"), [""; 0]);
    assert_eq!(codes("DATABASE_URL", "mysql://a:b@db.example.com/x", "production"), [""; 0]);
    assert_eq!(codes("DATABASE_URL", "postgres://a:b@localhost:5432/x", "production"), ["local_address"]);
    assert_eq!(codes("DATABASE_URL", "db.example.com", "production"), ["wrong_format"]);
}

/// Hosts are taken from the catalogue only where name and value agree on whose the value is.
#[test]
fn hosts_of_a_value() {
    let hosts = |text: &str, value: &str| {
        catalogue::hosts_for(&name(text), value).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let stripe = live("STRIPE_SECRET_KEY", "sk_live_");
    let known = ["api.stripe.com", "files.stripe.com"];
    assert_eq!(hosts("STRIPE_SECRET_KEY", &stripe), known);
    assert_eq!(hosts("STRIPE_SECRET_KEY_TEST", &stripe), known);
    assert_eq!(hosts("OPENAI_API_KEY", &stripe), [""; 0], "another provider's value");
    assert_eq!(hosts("MY_KEY", &stripe), [""; 0], "a name that is nobody's");
    assert_eq!(hosts("STRIPE_SECRET_KEY", &format!(" {stripe}")), [""; 0], "something stands around it");
    assert_eq!(hosts("COHERE_API_KEY", "anything-at-all"), [""; 0], "no known form");
    assert_eq!(hosts("STRIPE_WEBHOOK_SECRET", &value("STRIPE_WEBHOOK_SECRET")), [""; 0], "it is never sent");
    assert_eq!(hosts("SHOPIFY_ACCESS_TOKEN", &value("SHOPIFY_ACCESS_TOKEN")), [""; 0], "a person names the shop");
    for (provider, secret) in each() {
        for value in values(secret) {
            for host in catalogue::hosts_for(&secret.names[0], &value) {
                assert!(secret.hosts.contains(&host.to_string()) || provider.secrets.len() > 1, "{host}");
            }
        }
    }
}

#[test]
fn test_and_live() {
    let (test, real) = (live("STRIPE_SECRET_KEY", "sk_test_"), live("STRIPE_SECRET_KEY", "sk_live_"));
    assert_eq!(codes("STRIPE_SECRET_KEY", &test, "production"), ["test_key_in_production"]);
    assert_eq!(codes("STRIPE_SECRET_KEY", &test, "prod-eu"), ["test_key_in_production"]);
    assert_eq!(codes("STRIPE_SECRET_KEY", &real, "test"), ["live_key_in_test"]);
    assert_eq!(codes("STRIPE_SECRET_KEY", &real, "preview-42"), ["live_key_in_test"]);
    assert_eq!(codes("STRIPE_SECRET_KEY", &test, "test"), [""; 0]);
    assert_eq!(codes("STRIPE_SECRET_KEY", &real, "customer-a"), [""; 0]);
    assert_eq!(catalogue::review(&name("STRIPE_SECRET_KEY"), &test, None).len(), 0);
}

#[test]
fn names_that_browsers_see() {
    let key = live("STRIPE_SECRET_KEY", "sk_live_");
    for prefix in ["NEXT_PUBLIC_", "VITE_", "REACT_APP_", "PUBLIC_", "EXPO_PUBLIC_", "NUXT_PUBLIC_", "GATSBY_"] {
        let found = review(&format!("{prefix}STRIPE_SECRET_KEY"), &key, "production");
        assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), ["browser_exposed_name"], "{prefix}");
        assert_eq!(found[0].suggestion, Some(name("STRIPE_SECRET_KEY")));
    }
    let publishable = live("STRIPE_PUBLISHABLE_KEY", "pk_live_");
    assert_eq!(codes("NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY", &publishable, "production"), ["publishable"]);
    assert_eq!(codes("VITE_KEY", "hunter2hunter2", "production"), ["browser_exposed_name"]);
}

#[test]
fn keys_that_are_files() {
    let pem = concat!("-----BEGIN", " PRIVATE KEY-----\nbm90IGEga2V5\n-----END", " PRIVATE KEY-----");
    assert_eq!(codes("FIREBASE_PRIVATE_KEY", pem, "production"), [""; 0]);
    assert_eq!(codes("FIREBASE_PRIVATE_KEY", &format!("{pem}\n"), "production"), [""; 0]);
    assert_eq!(codes("FIREBASE_PRIVATE_KEY", &pem.replace('\n', "\\n"), "production"), ["escaped_newlines"]);
    assert_eq!(codes("FIREBASE_PRIVATE_KEY", &pem[..40], "production"), ["pem_incomplete", "wrong_format"]);
    let json = "{\n  \"type\": \"service_account\",\n  \"private_key\": \"x\"\n}\n";
    assert_eq!(codes("GOOGLE_SERVICE_ACCOUNT_JSON", json, "production"), [""; 0]);
}

/// No finding holds four characters in a row of the value, other than what the name or the catalogue says anyway.
#[test]
fn findings_hold_nothing_of_the_value() {
    let canary = "Zq9Jw7Kx3Vb8Ty5Rm2Lp6Nd4";
    for around in [
        "{}",
        " {} ",
        "\"{}\"",
        "Bearer {}",
        "A_KEY={}",
        "sk_live_{}",
        "pk_test_{}",
        "xoxb-{}",
        "your-{}",
        "{}****",
        "<{}>",
        "${{}}",
        "postgres://a:{}@localhost/x",
        "-----BEGIN {}",
        "{}\n{}",
        "SG.{}",
        "whsec_{}{}",
    ] {
        let value = around.replace("{}", canary);
        for wanted in
            ["STRIPE_SECRET_KEY", "NEXT_PUBLIC_KEY", "COHERE_API_KEY", "KEY1", "DATABASE_URL", "FIREBASE_PRIVATE_KEY"]
        {
            for environment in ["production", "test"] {
                let told = format!("{:?}", review(wanted, &value, environment));
                for at in 0..canary.len() - 4 {
                    assert!(!told.contains(&canary[at..at + 4]), "{around} {wanted}");
                }
            }
        }
    }
}

#[test]
fn search() {
    let ids = |text: &str| catalogue::search(text).iter().map(|provider| provider.id.as_str()).collect::<Vec<_>>();
    assert_eq!(ids("Send mail with SendGrid, please")[0], "sendgrid");
    assert!(!ids("a resender of letters").contains(&"resend"), "a word stands alone");
    assert_eq!(ids("").len(), catalogue::all().len());
    assert_eq!(ids("stripe")[0], "stripe");
    assert_eq!(ids(" OpenAI ")[0], "openai");
    assert_eq!(ids("hugging")[0], "huggingface");
    assert!(ids("jira").contains(&"atlassian"));
    assert!(ids("payments").starts_with(&["stripe", "paypal"]));
    assert!(ids("twilio_auth").contains(&"twilio"));
    assert!(ids("no such provider").is_empty());
}

/// `docs/providers.md` lists what there is. Rewrite it with `UPDATE_GOLDEN=1 cargo test -p domain --test catalogue`.
#[test]
fn the_documentation_lists_all() {
    const HEADING: &str = "## The list\n\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/providers.md");
    let text = std::fs::read_to_string(path).unwrap();
    let guide = text.split_once(HEADING).expect("the list's heading").0;
    let mut list = String::from("| provider | names | form known | sent to | can be tried |\n|---|---|---|---|---|\n");
    for provider in catalogue::all() {
        let names: Vec<String> = provider.secrets.iter().map(|secret| format!("`{}`", secret.names[0])).collect();
        let known = provider.secrets.iter().filter(|secret| secret.format.is_some()).count();
        let mut hosts: Vec<&str> =
            provider.secrets.iter().flat_map(|secret| &secret.hosts).map(String::as_str).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let tried = if provider.secrets.iter().any(|secret| secret.probe.is_some()) { "yes" } else { "" };
        let (name, count) = (&provider.name, provider.secrets.len());
        list += &format!("| {name} | {} | {known} of {count} | {} | {tried} |\n", names.join(" "), hosts.join(" "));
    }
    let written = format!("{guide}{HEADING}{list}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &written).unwrap();
    }
    assert!(
        written == std::fs::read_to_string(path).unwrap(),
        "the catalogue changed: look at the diff, then UPDATE_GOLDEN=1"
    );
}

proptest::proptest! {
    /// Whatever is pasted under whatever name, it is looked at without a panic and nothing of it is told.
    #[test]
    fn anything_can_be_reviewed(
        before in "|\"|'|Bearer |A_KEY=|export |sk_live_|<|\\$\\{|-----BEGIN |https://|postgres://a:|\u{feff}",
        secret in "[\u{e0}-\u{17f}]{8}",
        after in "|\"|'|\\}|>|\\n|EXAMPLE|@localhost/x|\\*\\*\\*\\*|\\PC{0,20}",
    ) {
        let value = format!("{before}{secret}{after}");
        for wanted in ["STRIPE_SECRET_KEY", "VITE_X", "DATABASE_URL", "ANYTHING"] {
            let told = format!("{:?}", review(wanted, &value, "production"));
            proptest::prop_assert!(!told.contains(&secret));
        }
        catalogue::suggest(&value);
        catalogue::search(&value);
    }
}
