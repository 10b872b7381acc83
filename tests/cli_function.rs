//! `tresor function`: from a file to an answer, on a real Deno.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use support::{TestServer, run};

/// Answers with what it was sent and which token it saw, and prints.
const ECHO: &str = "export default async function handler(request: Request): Promise<Response> {
  const url = new URL(request.url);
  console.log('saw', request.method, '\\u001b[31mred');
  const body = await request.text();
  const status = Number(url.searchParams.get('status') ?? 200);
  const seen = {
    method: request.method, path: url.pathname, body, type: request.headers.get('content-type'),
    authorization: request.headers.get('authorization'), key: Deno.env.get('KEY')?.length ?? null,
  };
  return new Response(JSON.stringify(seen), { status });
}
";

fn server() -> TestServer {
    let server = TestServer::start();
    assert!(server.has_deno(), "these tests need Deno: run `npm ci`");
    fs::write(server.home().join("echo.ts"), ECHO).unwrap();
    server
}

#[test]
fn from_a_file_to_an_answer() {
    let server = server();
    let said = |args: &[&str]| server.run(args).transcript(&server);
    assert_eq!(
        said(&["function", "list"]),
        "exit 0\n--\nNo functions yet. Deploy one: tresor function deploy NAME FILE"
    );
    server.run_with(&["secret", "put", "KEY"], b"twelve chars\r\n").ok();
    let deployed =
        "exit 0\nDeployed echo number 1, active in production\n--\nhint: try it: tresor function invoke echo";
    assert_eq!(
        said(&["function", "deploy", "echo", "echo.ts", "--timeout-seconds", "20", "--memory-mib", "128"]),
        deployed
    );
    assert_eq!(
        said(&["function", "list"]),
        "exit 0\nNAME  ACTIVE  ACCESS  PATH  UPDATED\necho  production 1  authenticated  /functions/v1/echo  just now\n--"
    );
    assert_eq!(server.run(&["function", "get", "echo", "--source"]).ok().stdout, ECHO);

    let answer =
        server.run(&["function", "invoke", "echo", "--data", "{\"a\":1}", "--path", "/sub?x=1", "-H", "x-a: b"]).ok();
    let seen = answer.json();
    assert_eq!(
        (
            seen["method"].as_str(),
            seen["path"].as_str(),
            seen["body"].as_str(),
            seen["type"].as_str(),
            seen["key"].as_u64()
        ),
        (Some("POST"), Some("/echo/sub"), Some("{\"a\":1}"), Some("application/json"), Some(12))
    );
    assert!(seen["authorization"].is_null() && answer.stderr.starts_with("200 OK  invocation "), "{answer:?}");
    let from_stdin =
        server.run_with(&["function", "invoke", "echo", "--data", "-", "--method", "put"], "häl".as_bytes()).ok();
    assert_eq!((from_stdin.json()["method"].as_str(), from_stdin.json()["body"].as_str()), (Some("PUT"), Some("häl")));
    assert_eq!(server.run(&["function", "invoke", "echo", "-d", "@echo.ts"]).ok().json()["body"], ECHO);

    let failed = server.run(&["function", "invoke", "echo", "--path", "?status=418", "--json"]);
    let aside: serde_json::Value =
        serde_json::from_str(&failed.stderr[..failed.stderr.find("}\n").unwrap() + 1]).unwrap();
    assert_eq!(
        (failed.code, aside["status"].as_u64(), failed.json()["path"].as_str()),
        (1, Some(418), Some("/echo")),
        "{failed:?}"
    );

    // What the function printed cannot drive the terminal.
    let id = aside["invocation"].as_str().unwrap();
    let logs = server.run(&["function", "logs", "echo", "--invocation", id]).ok();
    assert!(logs.stdout.contains("stdout  saw POST \\u{1b}[31mred") && logs.stdout.lines().count() == 1, "{logs:?}");
    assert!(server.run(&["function", "logs", "echo"]).ok().stdout.lines().count() >= 3);
    let table = server.run(&["function", "invocations", "echo", "--limit", "1"]).ok().stdout;
    assert!(table.contains("418") && table.contains(id) && table.lines().count() == 2, "{table}");

    let question = server.run_with(&["secret", "delete", "KEY"], b"");
    assert!(question.code == 2 && question.stderr.contains("These functions use it: echo."), "{question:?}");
    assert!(said(&["function", "delete", "echo"]).contains("It is active in: production."));
    assert_eq!(said(&["function", "delete", "echo", "--yes"]), "exit 0\n--\nDeleted echo");
    assert_eq!(said(&["function", "invoke", "echo"]), "exit 4\n--\nerror: There is no such function.");
}

#[test]
fn a_public_function_does_not_get_the_callers_token() {
    let server = server();
    server.run(&["function", "deploy", "open", "echo.ts", "--access", "public", "--secrets", "none"]).ok();
    assert!(server.run(&["function", "invoke", "open"]).ok().json()["authorization"].is_null());
    // A token that may invoke but not read functions does not know that this one is public.
    let token = server.run(&["token", "create", "caller", "--scope", "functions:invoke"]).ok().stdout;
    server.run(&["function", "deploy", "closed", "echo.ts"]).ok();
    for name in ["open", "closed"] {
        let mut command = server.cli(&["function", "invoke", name, "--data", "x"]);
        command.env("TRESOR_TOKEN", token.trim());
        let seen = run(command, None).ok().json();
        assert_eq!((seen["authorization"].is_null(), seen["body"].as_str()), (true, Some("x")), "{name}");
    }
}

#[test]
fn folders_environments_and_rollback() {
    let server = server();
    server.run(&["environment", "put", "test"]).ok();
    let folder = server.home().join("app");
    fs::create_dir_all(folder.join("lib")).unwrap();
    fs::write(folder.join("main.ts"), "import { text } from './lib/text.js';\nDeno.serve(() => new Response(text));\n")
        .unwrap();
    fs::write(folder.join("lib/text.js"), "export const text = 'one';\n").unwrap();
    let no_entry = server.run(&["function", "deploy", "app", "app"]);
    assert!(no_entry.code == 1 && no_entry.stderr.contains("--entry"), "{no_entry:?}");
    let deploy = ["function", "deploy", "app", "app", "--entry", "main.ts", "-e", "test"];
    server.run(&deploy).ok();
    fs::write(folder.join("lib/text.js"), "export const text = 'two';\n").unwrap();
    server.run(&deploy).ok();
    let answer = || server.run(&["function", "invoke", "app", "-e", "test"]).ok().stdout;
    assert_eq!(answer(), "two");
    assert_eq!(
        server.run(&["function", "rollback", "app", "1", "-e", "test"]).transcript(&server),
        "exit 0\nRolled back to app number 1, active in test\n--"
    );
    assert_eq!(answer(), "one");
    assert_eq!(server.run(&["function", "rollback", "app", "7", "-e", "test"]).code, 4);
    assert_eq!(server.run(&["function", "invoke", "app"]).code, 4);
}

#[test]
fn a_function_of_another_account_is_invoked_at_its_own_path() {
    let server = server();
    let token = server.run(&["account", "create", "team"]).ok().stdout;
    for args in [&["function", "deploy", "theirs", "echo.ts"][..], &["function", "invoke", "theirs"]] {
        let mut command = server.cli(args);
        command.env("TRESOR_TOKEN", token.trim());
        run(command, None).ok();
    }
    assert_eq!(server.run(&["function", "invoke", "theirs"]).code, 4);
    assert_eq!(server.run(&["function", "invoke", "theirs", "--account", "team"]).code, 4);
}

#[test]
fn a_function_that_does_not_parse_is_shown_its_place() {
    let server = server();
    fs::write(server.home().join("bad.ts"), "const a = 1;\nconst = 2;\n").unwrap();
    let refused = server.run(&["function", "deploy", "bad", "bad.ts"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(refused.stderr.contains(":2:"), "{refused:?}");
    assert_eq!(server.run(&["function", "get", "bad"]).code, 4);
    assert_eq!(server.run(&["function", "deploy", "bad", "missing.ts"]).code, 1);
    assert_eq!(server.run(&["function", "invoke", "bad", "--path", "/../other"]).code, 2);
}

#[test]
fn an_answer_is_printed_as_it_arrives() {
    let server = server();
    // The second half is sent only when the first was read, by way of a second request.
    fs::write(
        server.home().join("slow.ts"),
        "let release: () => void;
const released = new Promise<void>((resolve) => release = resolve);
Deno.serve((request) => {
  if (new URL(request.url).pathname.endsWith('/release')) { release(); return new Response('ok'); }
  const encoder = new TextEncoder();
  return new Response(new ReadableStream({
    async start(controller) {
      controller.enqueue(encoder.encode('first\\n'));
      await released;
      controller.enqueue(encoder.encode('second\\n'));
      controller.close();
    },
  }));
});
",
    )
    .unwrap();
    server.run(&["function", "deploy", "slow", "slow.ts"]).ok();
    let mut child =
        server.cli(&["function", "invoke", "slow"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "first\n");
    server.run(&["function", "invoke", "slow", "--path", "/release"]).ok();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("second\n", Some(0)));
}

#[test]
fn people_and_who_vouches_for_them() {
    let server = server();
    let said = |args: &[&str]| server.run(args).transcript(&server);
    assert_eq!(
        said(&["member", "put", "anna"]),
        "exit 0\nMember anna is a user\n--\nhint: make a token for the member with `tresor token create NAME --member MEMBER --scope functions:invoke`"
    );
    assert_eq!(
        said(&["group", "put", "billing", "anna"]),
        "exit 0\nGroup billing has these members: anna\n--\nhint: let it invoke a function: tresor function deploy … --access group:billing"
    );
    server.run(&["function", "deploy", "echo", "echo.ts", "--access", "group:billing"]).ok();
    assert_eq!(
        said(&["group", "list"]),
        "exit 0\nNAME  MEMBERS  FUNCTIONS  CREATED\nbilling  anna  echo  just now\n--"
    );
    assert_eq!(
        said(&["group", "delete", "billing"]),
        "exit 5\n--\nerror: the function echo in production is for this group: deploy it with another access first."
    );
    let refused = said(&["function", "invoke", "echo"]);
    assert!(refused.contains("exit 3") && refused.contains("a group that you are not in"), "{refused}");
    let made = server.run(&["token", "create", "anna-laptop", "--member", "anna", "--scope", "functions:invoke"]).ok();
    let mut as_anna = server.cli(&["function", "invoke", "echo"]);
    as_anna.env("TRESOR_TOKEN", made.stdout.trim());
    assert!(run(as_anna, None).ok().stdout.contains("\"method\":\"POST\""));
    let missing =
        said(&["issuer", "put", "auth", "--issuer", "https://a.example/", "--audience", "f", "--algorithm", "HS256"]);
    assert!(missing.starts_with("exit 2") && missing.contains("--jwks-url"), "{missing}");
    let put = [
        "issuer",
        "put",
        "auth",
        "--issuer",
        "https://a.example/",
        "--audience",
        "f",
        "--algorithm",
        "HS256",
        "--secret",
        "KEY",
    ];
    assert_eq!(said(&put), "exit 0\nIssuer auth: JWTs of https://a.example/ for f may invoke functions\n--");
    assert_eq!(
        said(&["issuer", "list"]),
        "exit 0\nNAME  ISSUER  AUDIENCE  ALGORITHMS  KEYS  ENVIRONMENTS  CREATED\nauth  https://a.example/  f  HS256  secret KEY  all  just now\n--"
    );
    server.run(&["member", "put", "anna", "--issuer", "auth", "--subject", "user-1"]).ok();
    assert_eq!(
        said(&["member", "list"]),
        "exit 0\nNAME  ROLE  GROUPS  JWT  CREATED\nanna  user  billing  auth/user-1  just now\n--"
    );
    assert_eq!(said(&["issuer", "delete", "auth"]), "exit 0\n--\nDeleted auth");
    assert_eq!(said(&["member", "delete", "anna"]), "exit 0\n--\nDeleted anna");
    assert_eq!(
        said(&["member", "delete", "anna"]),
        "exit 4\n--\nerror: there is no member of this name in this account."
    );
}
