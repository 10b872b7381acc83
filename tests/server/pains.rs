//! What people suffer from elsewhere, how Tresor answers, and the test that would fail if it did not. Sources: the issue
//! trackers and forums of the products, as of 2026.
//!
//! | pain | answer | test |
//! |---|---|---|
//! | an updated secret never reaches the deployed function (supabase#40365) | the next invocation has it, without a deployment | `rotation::after_a_put_returned_nobody_sees_the_old_value` |
//! | injected platform keys stay the old ones, and their names are taken (supabase#37648, #12415) | none is injected and `SUPABASE_*` is yours; a rotated one is seen at once | `pains::names_that_platforms_take_are_yours_and_rotate` |
//! | the eye on one row of a form reveals every value (supabase#41459) | a form has one value, veiled, and nothing stored ever comes to a page | `canary::a_value_is_nowhere` |
//! | nobody can tell whether a saved value can be read back (supabase/agent-skills#452) | there is a mask, always the same, and no answer has room for a value | `openapi::no_response_has_room_for_a_value` |
//! | a reserved name is found out at the deployment, and a whole file fails by it (supabase/cli#1834) | a verdict for each line before anything is stored, and the others can be taken | `import::each_line_has_its_verdict_and_all_or_nothing_is_stored` |
//! | a parse error prints the secret (supabase/cli#1669) | errors name line and rule | `import::no_word_of_a_file_is_ever_told` |
//! | a UTF-16 file from Windows fails (supabase/cli#1031) | it is read | `cli_import::files_of_other_machines_and_formats` |
//! | secrets are unset one by one (supabase/cli#1272) | several in one call, all or none; an environment with all it has | `supabase::a_call_does_all_or_nothing_and_tells_no_value`, `environments::deleting_an_environment_leaves_nothing_of_it_to_who_comes_later` |
//! | preview branches do not get secrets (supabase/vault#42) | environments with values of their own, shared on purpose, cloned as open slots | `environments::cloning_copies_names_and_never_values`, `environments::a_shared_value_is_one_value_in_several_environments` |
//! | a self-hosted dashboard without functions and secrets (supabase#10319) | the same pages everywhere: `tests/browser` | `functions::deployments_roll_back_and_go` |
//! | to set a variable kills the worker (supabase#33752) | a function's environment is its own | `functions::a_function_has_exactly_the_secrets_of_its_environment` |
//! | a secret cannot be rotated while the newest version is not the deployed one (workers-sdk#6763) | secrets and deployments are two things | `pains::a_secret_rotates_while_an_older_deployment_is_active` |
//! | a key file of 2.3 KB must be cut into pieces (workers-sdk#13266) | 64 KiB, byte for byte | `pains::a_whole_key_file_arrives_byte_for_byte` |
//! | an upload of 46 was silently cut to 25; at most 100 for a project (workers-sdk#14158, supabase#50366) | all or an error, up to 10,000 | `pains::hundreds_in_one_file_and_none_is_cut` |
//! | an import eats `#`, cuts at line ends, keeps quotes (infisical#1382, sops#965) | the dialect of `dotenv`, compared with the program itself | `dotenv::files`, `dotenv::generated_texts` |
//! | `$` in a password is expanded or cut (dotenvx#689) | nothing is ever expanded | `pains::a_whole_key_file_arrives_byte_for_byte` |
//! | unused secrets, reminders, none beyond 365 days or on a date (infisical#482, #2777) | health tells; days up to ten years, or a date | `health::each_thing_that_should_be_done_is_told_once_and_in_order`, `pains::a_reminder_may_be_years_away_or_on_a_day` |
//! | nobody sees who wrote a version; browsing looks like reading (openbao#3447, vault#21448) | each version has an author and a reason; only giving out values is on record as such | `versions::every_put_is_a_version_with_who_and_why`, `pains::looking_is_not_reading` |
//! | no compare-and-set for metadata (openbao#1253) | ETags name value and settings | `versions::of_concurrent_puts_none_overwrites_what_its_author_did_not_see` |
//! | a tool that runs a command leaks by `printenv` (fnox#343) | output can be redacted, in every form | `cli_run::what_the_command_prints_is_cleaned_on_request` |
//! | what should stay out of a shell leaks by an export (fnox#604) | a brokered value goes to no process | `inject::a_process_gets_its_environment_and_that_is_on_record` |
//! | a list names what cannot be written, so sync breaks (infisical#823) | what is listed can be put | `pains::what_is_listed_can_be_written_again` |
//! | code goes up, and its secrets are forgotten (workers-sdk#6449) | a deployment says what it lacks and asks for it | `cli_request::a_deployment_asks_for_what_it_lacks` |
//! | a process may read all variables or none (deno#31071) | a function gets what it lists | `functions::a_function_gets_the_secrets_it_lists_of_its_environment` |
//! | only known providers can have their credentials put in on the way (docker/desktop-feedback#130) | any host that a secret names | `egress::a_brokered_value_goes_to_its_hosts_and_never_to_the_function` |
//!
//! Not answered: one command that also deletes what a file does not name.

use serde_json::{Value, json};

use crate::api::{App, str};

/// The SHA-256 of what the function has under the name that it is asked for.
const HASH: &str = r#"Deno.serve(async (request) => {
  const value = Deno.env.get(new URL(request.url).searchParams.get("name"));
  if (value === undefined) return new Response("nothing");
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(value));
  return new Response(new Uint8Array(hash).toHex());
})"#;

#[test]
fn the_tests_that_are_named_above_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = 0;
    for word in include_str!("pains.rs").lines().filter(|line| line.starts_with("//! |")).flat_map(|l| l.split('`')) {
        let Some((file, test)) =
            word.split_once("::").filter(|(file, _)| file.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        else {
            continue;
        };
        let places =
            ["tests/server", "tests", "crates/domain/tests"].map(|dir| root.join(dir).join(format!("{file}.rs")));
        let has = |path: &std::path::PathBuf| {
            std::fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("fn {test}(")))
        };
        assert!(places.iter().any(has), "{word} is no test");
        named += 1;
    }
    assert!(named >= 25, "{named}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_platforms_take_are_yours_and_rotate() {
    let app = App::start();
    let admin = app.admin();
    let source = "Deno.serve(() => Response.json(Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([name]) => /^(SUPABASE|SB|TRESOR|DATABASE)_/.test(name)))))";
    admin.deploy("show", source, json!({ "access": "public", "secrets": "all" })).await;
    let seen = async || app.anonymous().get("/functions/v1/show").await.expect(200).json();
    assert_eq!(seen().await, json!({}), "nothing is put in that nobody stored");
    let names = ["SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_DB_URL", "SB_SECRET_KEY", "DATABASE_URL"];
    for round in ["before", "after"] {
        let mut expected = serde_json::Map::new();
        for name in names {
            let value = format!("{round} the change of {name}");
            let answer = admin.put(&format!("/api/v1/secrets/{name}"), json!({ "value": value })).await;
            assert!(answer.status < 300, "{answer:?}");
            expected.insert(name.to_owned(), json!(value));
        }
        assert_eq!(seen().await, Value::Object(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_rotates_while_an_older_deployment_is_active() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("KEY", "first 0123456789").await;
    for number in [1, 2, 3] {
        let source = format!("Deno.serve(() => new Response('{number}: ' + Deno.env.get('KEY')))");
        admin.deploy("show", &source, json!({ "access": "public" })).await;
    }
    let seen = async || app.anonymous().get("/functions/v1/show").await.expect(200).text();
    assert_eq!(seen().await, "3: first 0123456789");
    for (active, value) in [(1, "second 0123456789"), (2, "third 0123456789")] {
        admin.post("/api/v1/functions/show/rollback", json!({ "number": active })).await.expect(200);
        admin.put("/api/v1/secrets/KEY", json!({ "value": value })).await.expect(200);
        assert_eq!(seen().await, format!("{active}: {value}"));
    }
    // Nor does it deploy anything.
    let function = admin.get("/api/v1/functions/show").await.expect(200).json();
    assert_eq!(function["deployments"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_key_file_arrives_byte_for_byte() {
    let app = App::start();
    let admin = app.admin();
    let key =
        format!("-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----\\n", "MIIEvQIBADANBgkq+/".repeat(100));
    let account = format!(
        "{{\n  \"type\": \"service_account\",\n  \"private_key\": \"{key}\",\n  \"client_email\": \"a@b.example\"\n}}"
    );
    let password = "pa$$word$HOME${HOME}$(id)`id`#x%41\\n!\"é𝄞 ";
    let largest = "0123456789abcdef".repeat(4096);
    assert!(account.len() > 1_800 && largest.len() == 65_536);
    admin.deploy("hash", HASH, json!({ "access": "public", "secrets": "all" })).await;
    let values =
        [("ACCOUNT", account.as_str()), ("PASSWORD", password), ("CRLF", "a\r\nb\r\n\r\nc"), ("LARGEST", &largest)];
    let arrived = async |name: &str, value: &str| {
        let seen = app.anonymous().get(&format!("/functions/v1/hash?name={name}")).await.expect(200).text();
        assert_eq!(seen, domain::token::hash(value), "{name}");
    };
    for (name, value) in values {
        admin.put(&format!("/api/v1/secrets/{name}"), json!({ "value": value })).await.expect(201);
        arrived(name, value).await;
    }
    // By a file too: as JSON, and as dotenv between the quotes that expand nothing.
    let json: Value = values
        .iter()
        .map(|(name, value)| (format!("J_{name}"), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let dotenv: String = values
        .iter()
        .filter(|(name, _)| *name != "CRLF" && *name != "PASSWORD")
        .map(|(name, value)| format!("D_{name}='{value}'\n"))
        .collect();
    let dotenv = dotenv + "D_PASSWORD='pa$$word$HOME${HOME}$(id)#x'\nD_PLAIN=pa$$word$HOME\n";
    for (format, text) in [("json", json.to_string()), ("dotenv", dotenv)] {
        let body = json!({ "format": format, "text": text });
        let done = admin.post("/api/v1/secrets/import", body).await.expect(200).json();
        assert_eq!(done["rejected"], 0, "{done}");
    }
    for (name, value) in values {
        arrived(&format!("J_{name}"), value).await;
    }
    for (name, value) in [
        ("ACCOUNT", account.as_str()),
        ("LARGEST", &largest),
        ("PASSWORD", "pa$$word$HOME${HOME}$(id)#x"),
        ("PLAIN", "pa$$word$HOME"),
    ] {
        arrived(&format!("D_{name}"), value).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_in_one_file_and_none_is_cut() {
    const COUNT: usize = 700;
    let app = App::start();
    let admin = app.admin();
    let text: String = (0..COUNT).map(|at| format!("KEY_{at}=value-{at}\n")).collect();
    let done = admin.post("/api/v1/secrets/import", json!({ "text": text })).await.expect(200).json();
    assert_eq!((&done["new"], &done["rejected"]), (&json!(COUNT), &json!(0)));
    let first = admin.get("/api/v1/secrets?limit=500").await.expect(200).json();
    assert_eq!((first["items"].as_array().unwrap().len(), first["next_cursor"].is_string()), (500, true));
    let source = "Deno.serve(() => Response.json(Object.entries(Deno.env.toObject()).filter(([name, value]) => name.startsWith('KEY_') && value === 'value-' + name.slice(4)).length))";
    admin.deploy("count", source, json!({ "access": "public", "secrets": "all" })).await;
    assert_eq!(app.anonymous().get("/functions/v1/count").await.expect(200).json(), json!(COUNT));
    let structure = admin.get("/api/v1/secrets/structure").await.expect(200).json();
    assert_eq!(structure["secrets"].as_array().unwrap().len(), COUNT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_may_be_years_away_or_on_a_day() {
    let app = App::start();
    let admin = app.admin();
    let put = async |name: &str, more: Value| {
        let mut body = json!({ "value": format!("the value of {name} 0123456789") });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admin.put(&format!("/api/v1/secrets/{name}"), body).await.expect(201).json()
    };
    assert_eq!(put("LATE", json!({ "rotate_after_days": 3650 })).await["rotate_after_days"], 3650);
    assert_eq!(
        put("DAY", json!({ "rotate_by": "2031-07-01T00:00:00Z" })).await["rotate_by"],
        "2031-07-01T00:00:00.000Z"
    );
    put("PAST", json!({ "rotate_by": "2024-07-01T00:00:00Z" })).await;
    let health = admin.get("/api/v1/secrets/health").await.expect(200).json();
    let told: Vec<_> =
        health["findings"].as_array().unwrap().iter().map(|found| (str(&found["kind"]), str(&found["name"]))).collect();
    assert_eq!(told, [("overdue", "PAST")]);
}

/// A value cannot be read, so to look at pages and lists is on record as nothing; to be given values is.
#[tokio::test(flavor = "multi_thread")]
async fn looking_is_not_reading() {
    let app = App::start();
    let admin = app.admin();
    let value = "a value to be looked for 0123456789";
    admin.put_secret("KEY", value).await;
    let before = admin.events().await.len();
    for path in ["", "/KEY", "/KEY/versions", "/matrix", "/structure", "/health"] {
        let answer = admin.get(&format!("/api/v1/secrets{path}")).await.expect(200).text();
        assert!(!answer.contains(value), "{path}: {answer}");
    }
    assert_eq!(admin.events().await.len(), before);
    let body = json!({ "name": "run", "scopes": ["secrets:inject"], "environments": ["production"] });
    let runner = admin.with_token(str(&admin.post("/api/v1/tokens", body).await.expect(201).json()["token"]));
    let request =
        runner.request("POST", "/api/v1/environments/production/inject").header("sec-tresor-no-browsers", "1");
    runner.send(request.json(&json!({ "command": "psql" }))).await.expect(200);
    let event = admin.events().await.pop().unwrap();
    assert_eq!((&event["action"], &event["details"]["secrets"]), (&json!("secret.inject"), &json!("KEY:1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_can_be_written_again() {
    let app = App::start();
    let (admin, other) = (app.admin(), app.account("other").await);
    for name in ["A", "_B", "SUPABASE_URL", "NEXT_PUBLIC_KEY", "AWS_REGION", &"X".repeat(128)] {
        admin.put(&format!("/api/v1/secrets/{name}"), json!({ "value": format!("of {name}") })).await.expect(201);
    }
    let listed = admin.items("/api/v1/secrets").await;
    assert_eq!(listed.len(), 6);
    for secret in &listed {
        let again = json!({ "value": "another", "note": secret["note"], "delivery": secret["delivery"], "environment": secret["environment"] });
        let name = str(&secret["name"]);
        admin.put(&format!("/api/v1/secrets/{name}"), again.clone()).await.expect(200);
        other.put(&format!("/api/v1/secrets/{name}"), again).await.expect(201);
    }
}
