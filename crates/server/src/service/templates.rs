//! Functions to begin with: for each provider that most people use one that works, for every other one that asks what the
//! catalogue's probe asks. The texts are those of `examples/`.

use std::borrow::Cow;

use domain::catalogue::{Probe, Provider, Secret};

/// A function to begin with.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// Of the template, and the name to suggest for the function.
    pub(crate) id: Cow<'static, str>,
    /// What it does.
    pub(crate) what: Cow<'static, str>,
    /// `public` or `authenticated`.
    pub(crate) access: &'static str,
    /// The secrets that it needs.
    pub(crate) secrets: Vec<Cow<'static, str>>,
    /// The secrets that it uses if they are there.
    pub(crate) optional: &'static [&'static str],
    /// The hosts that it sends requests to.
    pub(crate) hosts: Vec<String>,
    /// It connects to a TCP endpoint that its deployment must name: what that is, for people.
    pub(crate) endpoint: Option<&'static str>,
    /// Its method.
    pub(crate) method: &'static str,
    /// A body to try it with.
    pub(crate) body: &'static str,
    pub(crate) source: Cow<'static, str>,
}

/// As they stand in the table.
struct Row {
    provider: &'static str,
    id: &'static str,
    what: &'static str,
    access: &'static str,
    secrets: &'static [&'static str],
    optional: &'static [&'static str],
    hosts: &'static [&'static str],
    endpoint: Option<&'static str>,
    body: &'static str,
    source: &'static str,
}

const NEEDS_TOKEN: &str = "authenticated";
const PUBLIC: &str = "public";

macro_rules! example {
    ($file:literal) => {
        include_str!(concat!("../../../../examples/", $file))
    };
}

const ROWS: &[Row] = &[
    Row {
        provider: "sendgrid",
        id: "send-mail",
        what: "Sends a mail",
        access: NEEDS_TOKEN,
        secrets: &["SENDGRID_API_KEY", "MAIL_FROM"],
        optional: &[],
        hosts: &["api.sendgrid.com"],
        endpoint: None,
        body: r#"{"to": "ada@example.com", "subject": "Hello", "text": "It works."}"#,
        source: example!("send-mail.ts"),
    },
    Row {
        provider: "mailgun",
        id: "mailgun",
        what: "Sends a mail",
        access: NEEDS_TOKEN,
        secrets: &["MAILGUN_API_KEY", "MAILGUN_DOMAIN"],
        optional: &["MAILGUN_HOST", "MAIL_FROM"],
        hosts: &["api.mailgun.net", "api.eu.mailgun.net"],
        endpoint: None,
        body: r#"{"to": "ada@example.com", "subject": "Hello", "text": "It works."}"#,
        source: example!("mailgun.ts"),
    },
    Row {
        provider: "smtp",
        id: "smtp",
        what: "Sends a mail through your mail server",
        access: NEEDS_TOKEN,
        secrets: &["SMTP_URL"],
        optional: &[],
        hosts: &[],
        endpoint: Some("Host and port of your mail server"),
        body: r#"{"from": "shop@example.com", "to": "ada@example.com", "subject": "Hello", "text": "It works."}"#,
        source: example!("smtp.ts"),
    },
    Row {
        provider: "stripe",
        id: "stripe-checkout",
        what: "Makes a page on which somebody pays",
        access: NEEDS_TOKEN,
        secrets: &["STRIPE_SECRET_KEY"],
        optional: &[],
        hosts: &["api.stripe.com"],
        endpoint: None,
        body: r#"{"name": "A book", "cents": 1900, "currency": "eur"}"#,
        source: example!("stripe-checkout.ts"),
    },
    Row {
        provider: "stripe",
        id: "stripe-webhook",
        what: "Receives events that Stripe signed",
        access: PUBLIC,
        secrets: &["STRIPE_WEBHOOK_SECRET"],
        optional: &[],
        hosts: &[],
        endpoint: None,
        body: r#"{"id": "evt_1", "type": "payment_intent.succeeded"}"#,
        source: example!("stripe-webhook.ts"),
    },
    Row {
        provider: "paypal",
        id: "paypal",
        what: "Begins a payment",
        access: NEEDS_TOKEN,
        secrets: &["PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET"],
        optional: &["PAYPAL_HOST"],
        hosts: &["api-m.sandbox.paypal.com", "api-m.paypal.com"],
        endpoint: None,
        body: r#"{"amount": "19.00", "currency": "EUR"}"#,
        source: example!("paypal.ts"),
    },
    Row {
        provider: "openai",
        id: "chat",
        what: "Answers a prompt, word by word",
        access: NEEDS_TOKEN,
        secrets: &["OPENAI_API_KEY"],
        optional: &["OPENAI_BASE_URL"],
        hosts: &["api.openai.com", "eu.api.openai.com"],
        endpoint: None,
        body: r#"{"prompt": "What is a vault?"}"#,
        source: example!("chat.ts"),
    },
    Row {
        provider: "anthropic",
        id: "anthropic",
        what: "Answers a prompt",
        access: NEEDS_TOKEN,
        secrets: &["ANTHROPIC_API_KEY"],
        optional: &["MODEL"],
        hosts: &["api.anthropic.com"],
        endpoint: None,
        body: r#"{"prompt": "What is a vault?"}"#,
        source: example!("anthropic.ts"),
    },
    Row {
        provider: "google-ai",
        id: "google-ai",
        what: "Answers a prompt",
        access: NEEDS_TOKEN,
        secrets: &["GEMINI_API_KEY"],
        optional: &["MODEL"],
        hosts: &["generativelanguage.googleapis.com"],
        endpoint: None,
        body: r#"{"prompt": "What is a vault?"}"#,
        source: example!("google-ai.ts"),
    },
    Row {
        provider: "twilio",
        id: "twilio",
        what: "Sends a text message",
        access: NEEDS_TOKEN,
        secrets: &["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"],
        optional: &[],
        hosts: &["api.twilio.com"],
        endpoint: None,
        body: r#"{"to": "+14155552671", "text": "It works."}"#,
        source: example!("twilio.ts"),
    },
    Row {
        provider: "webhooks",
        id: "webhook",
        what: "Receives webhooks that are signed",
        access: PUBLIC,
        secrets: &["WEBHOOK_SECRET"],
        optional: &["WEBHOOK_SECRET_PREVIOUS"],
        hosts: &[],
        endpoint: None,
        body: r#"{"type": "example"}"#,
        source: example!("webhook.ts"),
    },
    Row {
        provider: "postgresql",
        id: "postgres",
        what: "Asks the database what it is",
        access: NEEDS_TOKEN,
        secrets: &["DATABASE_URL"],
        optional: &[],
        hosts: &[],
        endpoint: Some("Host and port of your database"),
        body: "",
        source: example!("postgres.ts"),
    },
];

/// The providers that have a template of their own, in the table's order.
pub(crate) fn popular_providers() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    ROWS.iter().map(|row| row.provider).filter(move |provider| std::mem::replace(&mut last, provider) != *provider)
}

/// The functions to begin with for a provider; none if nothing is known to ask it.
pub(crate) fn templates(provider: &'static Provider) -> Vec<Template> {
    let own: Vec<_> = ROWS.iter().filter(|row| row.provider == provider.id).map(Template::from).collect();
    if !own.is_empty() {
        return own;
    }
    provider.secrets.iter().filter_map(|secret| probing(provider, secret)).take(1).collect()
}

/// The template of this id, if it is one of the table's.
pub(crate) fn template_named(id: &str) -> Option<Template> {
    ROWS.iter().find(|row| row.id == id).map(Template::from)
}

impl From<&'static Row> for Template {
    fn from(row: &'static Row) -> Self {
        Self {
            id: row.id.into(),
            what: row.what.into(),
            access: row.access,
            secrets: row.secrets.iter().map(|name| (*name).into()).collect(),
            optional: row.optional,
            hosts: row.hosts.iter().map(|host| (*host).to_owned()).collect(),
            endpoint: row.endpoint,
            method: "POST",
            body: row.body,
            source: row.source.into(),
        }
    }
}

/// A function that sends the secret's probe and hands on what comes of it.
fn probing(provider: &'static Provider, secret: &'static Secret) -> Option<Template> {
    let (probe, name) = (secret.probe.as_ref()?, secret.name()?.as_str());
    let host = probe.url.strip_prefix("https://")?.split(['/', '?']).next()?.to_owned();
    let mut secrets: Vec<Cow<'static, str>> = vec![name.into()];
    secrets.extend(probe.needs().into_iter().map(|other| Cow::Owned(other.to_owned())));
    Some(Template {
        id: provider.id.as_str().into(),
        what: format!("Asks {} whether the key works", provider.name).into(),
        access: NEEDS_TOKEN,
        source: source(provider, probe, name).into(),
        secrets,
        optional: &[],
        // What a person must fill in is no host yet.
        hosts: if host.contains('{') { Vec::new() } else { vec![host] },
        endpoint: None,
        method: "GET",
        body: "",
    })
}

fn source(provider: &Provider, probe: &Probe, name: &str) -> String {
    let mut headers: Vec<String> = probe
        .headers
        .iter()
        .map(|(header, text)| format!("      {}: {},\n", quoted(header), filled(text, name, false)))
        .collect();
    if let Some([user, password]) = &probe.basic {
        let (user, password) = (filled(user, name, false), filled(password, name, false));
        headers.push(format!("      \"authorization\": \"Basic \" + btoa({user} + \":\" + {password}),\n"));
    }
    let headers =
        if headers.is_empty() { String::new() } else { format!("    headers: {{\n{}    }},\n", headers.concat()) };
    format!(
        "// Asks {} whether the key works, and hands on the answer. A beginning: make it do what you need.\n\n\
         Deno.serve(async () => {{\n  const answer = await fetch({}, {{\n    method: {},\n{headers}  }});\n  \
         console.log(`{} answered ${{answer.status}}`);\n  \
         return new Response(answer.body, {{ status: answer.status, headers: {{ \"content-type\": answer.headers.get(\"content-type\") ?? \"text/plain\" }} }});\n}});\n",
        provider.name,
        filled(&probe.url, name, true),
        quoted(&probe.method),
        provider.name.replace(['`', '$', '\\'], ""),
    )
}

/// A template of the catalogue as an expression: texts, and secrets in their places.
fn filled(template: &str, name: &str, in_address: bool) -> String {
    let (mut parts, mut rest) = (Vec::new(), template);
    while let Some((before, (inner, after))) =
        rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        if !before.is_empty() {
            parts.push(quoted(before));
        }
        let secret = format!("Deno.env.get({})", quoted(if inner == "value" { name } else { inner }));
        parts.push(if in_address { format!("encodeURIComponent({secret} ?? \"\")") } else { secret });
        rest = after;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(quoted(rest));
    }
    parts.join(" + ")
}

/// A text of JavaScript.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::catalogue;
    use domain::{EgressPolicy, FunctionName, SecretName};

    use super::{ROWS, filled, popular_providers, templates};
    use crate::service::references::references;

    #[test]
    fn the_providers_of_most_people_have_one() {
        let known: Vec<_> = popular_providers().collect();
        for id in [
            "sendgrid",
            "mailgun",
            "smtp",
            "stripe",
            "paypal",
            "openai",
            "anthropic",
            "google-ai",
            "twilio",
            "webhooks",
            "postgresql",
        ] {
            assert!(known.contains(&id), "{id}");
        }
        for row in ROWS {
            assert!(catalogue::find(row.provider).is_some(), "{} is not in the catalogue", row.provider);
        }
        let ids: BTreeSet<_> = ROWS.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), ROWS.len(), "each id is of one template");
    }

    #[test]
    fn every_template_says_what_it_reads_and_where_it_sends() {
        let mut count = 0;
        for template in catalogue::all().iter().flat_map(templates) {
            count += 1;
            assert!(FunctionName::parse(&template.id).is_ok(), "{}", template.id);
            let read: BTreeSet<_> = references("index.ts", &template.source).iter().map(ToString::to_string).collect();
            let said: BTreeSet<_> = template.secrets.iter().map(ToString::to_string).collect();
            assert!(said.is_subset(&read), "{}: says {said:?}, reads {read:?}", template.id);
            let optional: BTreeSet<_> = template.optional.iter().map(ToString::to_string).collect();
            assert!(
                read.iter().all(|name| said.contains(name) || optional.contains(name)),
                "{}: reads {read:?}",
                template.id
            );
            assert!(said.iter().chain(&optional).all(|name| SecretName::parse(name).is_ok()), "{}", template.id);
            if !template.hosts.is_empty() {
                let policy = EgressPolicy::parse(template.hosts.iter().map(String::as_str));
                assert!(policy.is_ok(), "{}: {policy:?}", template.id);
                for host in &template.hosts {
                    assert!(
                        template.source.contains(host.as_str()) || host.starts_with("eu."),
                        "{}: {host}",
                        template.id
                    );
                }
            }
            assert!(template.body.is_empty() || serde_json::from_str::<serde_json::Value>(template.body).is_ok());
        }
        assert!(count > 60, "{count} templates");
    }

    #[test]
    fn what_the_catalogue_says_is_text_in_the_code() {
        assert_eq!(filled("Bearer {value}", "KEY", false), "\"Bearer \" + Deno.env.get(\"KEY\")");
        assert_eq!(
            filled("https://x/{ID}/y?k={value}", "KEY", true),
            "\"https://x/\" + encodeURIComponent(Deno.env.get(\"ID\") ?? \"\") + \"/y?k=\" + encodeURIComponent(Deno.env.get(\"KEY\") ?? \"\")"
        );
        assert_eq!(filled("\"; alert(1); \"", "KEY", false), "\"\\\"; alert(1); \\\"\"");
    }
}
