//! Pieces that the pages of functions share.

use maud::{Markup, html};

use crate::ui::text::{visible, words};
use crate::ui::time;
use crate::wire::{Invocation, InvocationActor, LogLine, Secrets};

/// Who may invoke it.
pub(super) fn access(access: &str) -> Markup {
    html! {
        @match access.split_once(':') {
            Some((_, group)) => span.badge { "Only the group " (group) },
            None if access == "public" => span.badge.warn { "Public" },
            None => span.badge { "Needs a token" },
        }
    }
}

/// Which secrets a deployment gets.
pub(super) fn secrets(secrets: &Secrets) -> Markup {
    html! {
        @match secrets {
            Secrets::Word(_) => "All",
            Secrets::Names(names) if names.is_empty() => "None",
            Secrets::Names(names) => span.links { @for name in names { code { (name) } " " } },
        }
    }
}

/// How an invocation ended.
pub(super) fn outcome(outcome: &str) -> Markup {
    html! { @if outcome == "ok" { span.badge.good { "OK" } } @else { span.badge.bad { (words(&outcome.replace('_', " "))) } } }
}

/// Who called.
pub(super) fn caller(actor: &InvocationActor) -> Markup {
    html! { @if actor.kind == "anonymous" { "Anyone" } @else { (actor.kind) " " (visible(&actor.name)) } }
}

/// What was asked for.
pub(super) fn request(invocation: &Invocation) -> Markup {
    let path = if invocation.path.is_empty() { "/" } else { &invocation.path };
    html! { code.address { (visible(&invocation.method)) " " (visible(path)) } }
}

/// A duration with as many digits as help.
pub(super) fn duration(millis: f64) -> String {
    match millis {
        ..10.0 => format!("{millis:.1} ms"),
        10.0..1_000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.2} s", millis / 1_000.0),
    }
}

/// Log lines, oldest first. `empty` says why there may be none.
pub(super) fn log(lines: &[LogLine], empty: &str) -> Markup {
    html! {
        @if lines.is_empty() { p.muted { (empty) } } @else {
            div.log tabindex="0" role="region" aria-label="Log lines" {
                ol { @for line in lines {
                    li.error[line.stream == "stderr"] {
                        (time::of_day(&line.time))
                        @if line.stream == "stderr" { span.stream { "error" } } @else { span.stream { "out" } }
                        span.text { (visible(&line.text)) }
                    }
                } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, log};
    use crate::wire::LogLine;

    #[test]
    fn durations_have_the_digits_that_help() {
        for (millis, shown) in
            [(0.42, "0.4 ms"), (9.96, "10.0 ms"), (12.3, "12 ms"), (999.0, "999 ms"), (1_500.0, "1.50 s")]
        {
            assert_eq!(duration(millis), shown);
        }
    }

    #[test]
    fn log_lines_do_nothing() {
        let line = LogLine {
            time: "2026-11-24T09:30:00.042Z".to_owned(),
            stream: "stdout".to_owned(),
            invocation: None,
            text: "<script>\u{1b}[2J".to_owned(),
        };
        let shown = log(&[line], "").into_string();
        assert!(shown.contains("&lt;script&gt;␛[2J") && shown.contains(">09:30:00.042<"), "{shown}");
    }
}
