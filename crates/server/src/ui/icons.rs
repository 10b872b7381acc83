//! Icons and marks, drawn here: small, in the text's colour, unseen by screen readers. They say nothing that words beside
//! them do not.

use domain::catalogue::Provider;
use maud::{Markup, PreEscaped, html};

/// A drawing on 20 by 20 units.
#[derive(Clone, Copy)]
pub(super) struct Icon(&'static str);

pub(super) const KEY: Icon = Icon(r#"<circle cx="6.5" cy="13.5" r="3.5"/><path d="M9 11l8-8M13.5 6.5l2.5 2.5"/>"#);
pub(super) const PLUG: Icon = Icon(r#"<path d="M7 2.5V7M13 2.5V7M5 7h10v3a5 5 0 0 1-10 0zM10 15v3"/>"#);
pub(super) const BOLT: Icon = Icon(r#"<path d="M11 2 4.5 11.5H10L9 18l6.5-9.5H10z"/>"#);
pub(super) const PULSE: Icon = Icon(r#"<path d="M2.5 10.5H6l2-6 4 11 2-5h3.5"/>"#);
pub(super) const INBOX: Icon = Icon(r#"<path d="M3 11.5h4l1 2h4l1-2h4M3 11.5 5 4h10l2 7.5V16H3z"/>"#);
pub(super) const SEND: Icon = Icon(r#"<path d="M3 9.5 17 3l-4 14-3.5-5.5zM9.5 11.5 17 3"/>"#);
pub(super) const LIST: Icon = Icon(r#"<path d="M3.5 5h1M3.5 10h1M3.5 15h1M8 5h8.5M8 10h8.5M8 15h8.5"/>"#);
pub(super) const SLIDERS: Icon = Icon(
    r#"<path d="M3 6h7M15 6h2M3 14h2M10 14h7"/><circle cx="12.5" cy="6" r="2.2"/><circle cx="7.5" cy="14" r="2.2"/>"#,
);
pub(super) const MENU: Icon = Icon(r#"<path d="M3 5.5h14M3 10h14M3 14.5h14"/>"#);

impl Icon {
    /// As an element.
    pub(super) fn show(self) -> Markup {
        html! { svg.icon viewBox="0 0 20 20" aria-hidden="true" { (PreEscaped(self.0)) } }
    }
}

/// A provider's mark: two letters on its colour. What is of no known provider has a plain one.
pub(super) fn mark(provider: Option<&Provider>, is_big: bool) -> Markup {
    let letters = provider.map_or_else(|| "···".to_owned(), |provider| letters(&provider.name));
    let hue = provider.map_or("none", |provider| hue(&provider.id));
    let size = if is_big { " big" } else { "" };
    html! {
        svg class=(format!("mark {hue}{size}")) viewBox="0 0 28 28" aria-hidden="true" { rect width="28" height="28" {} text x="14" y="18" { (letters) } }
    }
}

/// The first letters of the first two words, or of the only one.
fn letters(name: &str) -> String {
    let mut words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or(name);
    // `OpenAI` and `SendGrid` are two words written as one.
    let inner = first.chars().skip(1).find(|c| c.is_uppercase());
    let second = words.next().and_then(|word| word.chars().next()).or(inner).or_else(|| first.chars().nth(1));
    first.chars().next().into_iter().flat_map(char::to_uppercase).chain(second).collect()
}

fn hue(id: &str) -> &'static str {
    const HUES: [&str; 8] = ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7"];
    let sum = id.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    HUES.get(sum % HUES.len()).copied().unwrap_or("h0")
}

#[cfg(test)]
mod tests {
    use super::{letters, mark};

    #[test]
    fn marks_have_the_letters_that_people_know() {
        for (name, expected) in [
            ("OpenAI", "OA"),
            ("SendGrid", "SG"),
            ("Stripe", "St"),
            ("Google AI", "GA"),
            ("SMTP server", "Ss"),
            ("PayPal", "PP"),
            ("n8n", "N8"),
            ("X", "X"),
        ] {
            assert_eq!(letters(name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_unknown_has_a_plain_mark() {
        assert!(mark(None, false).into_string().contains("mark none"));
    }
}
