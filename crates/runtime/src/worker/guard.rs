//! The response guard: watches what a function returns for values of its own secrets, in the forms in which logs are searched
//! for them.
//!
//! What it looks for are the worker's guarded values only: not those that everyone may see, nor short and common ones, nor
//! placeholders, which are worth nothing elsewhere. Bodies that the function compressed are not opened, and frames of WebSockets
//! are not looked at: it catches mistakes, not intent.

use std::sync::Arc;

use bytes::Bytes;
use domain::{ResponseGuard, SecretName};
use hyper::HeaderMap;
use zeroize::Zeroizing;

use super::output::Sink;

/// One response being watched.
pub(super) struct Watch {
    sink: Arc<Sink>,
    block: bool,
    /// The end of what was seen, where a value may have begun. If it may not go out, it has not.
    held: Zeroizing<Vec<u8>>,
    /// A value was found; one is enough to tell of.
    done: bool,
}

/// A value that must not go out, and what stands before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Caught {
    pub(super) before: Bytes,
    pub(super) secret: SecretName,
}

/// What may go out now, and whose value is in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) bytes: Bytes,
    pub(super) returned: Option<SecretName>,
}

impl Watch {
    /// `None` if nothing needs to be watched.
    pub(super) fn of(guard: ResponseGuard, sink: &Arc<Sink>) -> Option<Self> {
        let block = match guard {
            ResponseGuard::Off => return None,
            ResponseGuard::Report => false,
            ResponseGuard::Block => true,
        };
        Some(Self { sink: Arc::clone(sink), block, held: Zeroizing::default(), done: false })
    }

    /// Whether what is found may not go out.
    pub(super) fn blocks(&self) -> bool {
        self.block
    }

    /// Bytes that may yet go out.
    pub(super) fn held(&self) -> u64 {
        if self.block { self.held.len() as u64 } else { 0 }
    }

    /// Whose value is in a header.
    pub(super) fn head(&mut self, headers: &HeaderMap) -> Option<SecretName> {
        let found = headers.values().find_map(|value| self.sink.secrets.redactor().guarded(value.as_bytes()));
        let secret = found.map(|(_, name)| name.clone());
        self.done |= secret.is_some();
        secret
    }

    /// Takes the next piece of the body, of which `last` says that none follows.
    pub(super) fn push(&mut self, piece: Bytes, last: bool) -> Result<Passed, Caught> {
        if self.done {
            return Ok(Passed { bytes: piece, returned: None });
        }
        let redactor = self.sink.secrets.redactor();
        // Mostly there is nothing held, and a piece needs no copy.
        let joined = (!self.held.is_empty()).then(|| {
            let mut joined = Zeroizing::new(Vec::with_capacity(self.held.len() + piece.len()));
            joined.extend_from_slice(&self.held);
            joined.extend_from_slice(&piece);
            joined
        });
        let text = joined.as_deref().map_or(&piece[..], Vec::as_slice);
        let found = redactor.guarded(text).map(|(start, name)| (start, name.clone()));
        let slice = |end: usize| match &joined {
            Some(joined) => Bytes::copy_from_slice(joined.get(..end).unwrap_or_default()),
            None => piece.slice(..end.min(piece.len())),
        };
        match (found, self.block) {
            (Some((start, secret)), true) => {
                self.done = true;
                Err(Caught { before: slice(start), secret })
            }
            (Some((_, secret)), false) => {
                self.done = true;
                Ok(Passed { bytes: piece, returned: Some(secret) })
            }
            (None, block) => {
                let settled = if last { text.len() } else { redactor.hold(text) };
                let bytes = if block { slice(settled) } else { piece.clone() };
                self.held = Zeroizing::new(text.get(settled..).unwrap_or_default().to_vec());
                Ok(Passed { bytes, returned: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64};

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use domain::{AccountId, EnvironmentName, FunctionName, ResponseGuard, SecretName, Value, VersionSet};
    use hyper::HeaderMap;
    use tokio::sync::{mpsc, watch};

    use super::{Sink, Watch};
    use crate::{SecretSet, WorkerKey};

    const VALUE: &str = "sk-canary-0123456789-canary";

    fn watching(guard: ResponseGuard) -> Watch {
        let name = |name: &str| SecretName::parse(name).unwrap();
        let env = [("KEY", VALUE), ("PAGE_KEY", "pk_live_for_every_page"), ("MODE", "production")];
        let env = env.map(|(key, value)| (name(key), Value::new(value.to_owned()).unwrap())).into();
        let publishable = [name("PAGE_KEY")].into();
        let sink = Sink {
            key: Arc::new(WorkerKey {
                account: AccountId::new("a"),
                environment: EnvironmentName::production(),
                function: FunctionName::parse("f").unwrap(),
                deployment: 1,
                generation: 0,
                apart: None,
            }),
            worker: Arc::from("w"),
            secrets: Arc::new(SecretSet::new(env, Vec::new(), &publishable, VersionSet::default(), &[])),
            folder_url: String::new(),
            mark: Vec::new(),
            logs: mpsc::channel(1).0,
            boot: watch::Sender::new(None),
            pong: watch::Sender::new((0, std::time::Instant::now())),
            out_of_memory: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            silent: false,
        };
        Watch::of(guard, &Arc::new(sink)).unwrap()
    }

    /// What went out, and whose value was found.
    fn sent(guard: ResponseGuard, pieces: &[&[u8]]) -> (String, Option<String>) {
        let (mut watch, mut out, mut found) = (watching(guard), Vec::new(), None);
        for (number, piece) in pieces.iter().enumerate() {
            match watch.push(Bytes::copy_from_slice(piece), number + 1 == pieces.len()) {
                Ok(passed) => {
                    out.extend_from_slice(&passed.bytes);
                    found = found.or(passed.returned);
                }
                Err(caught) => {
                    out.extend_from_slice(&caught.before);
                    found = Some(caught.secret);
                    break;
                }
            }
        }
        (String::from_utf8(out).unwrap(), found.map(|name| name.to_string()))
    }

    #[test]
    fn in_any_form_and_across_every_border() {
        let key = Some("KEY".to_owned());
        for form in [VALUE.to_owned(), STANDARD.encode(format!("user:{VALUE}:x")), hex::encode(VALUE)] {
            let text = format!("before {form} after");
            for first in 0..=text.len() {
                for second in [first, (first + 3).min(text.len()), text.len()] {
                    let bytes = text.as_bytes();
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    assert_eq!(sent(ResponseGuard::Report, &pieces), (text.clone(), key.clone()));
                    let (out, found) = sent(ResponseGuard::Block, &pieces);
                    assert_eq!(found, key);
                    // Up to the value, or to where the form begins that is of the value alone.
                    assert!(
                        text.starts_with(&out) && out.len() <= "before ".len() + 7 && out.starts_with("before "),
                        "{out}"
                    );
                    assert!(!out.contains("canary"));
                }
            }
        }
    }

    #[test]
    fn what_may_go_out_goes_out_whole() {
        for text in [
            "",
            "production pk_live_for_every_page",
            "sk-canary-0123456789-canar",
            "sk-canary-0123456789-other and more",
        ] {
            for size in [1, 5, 100] {
                let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
                assert_eq!(sent(ResponseGuard::Block, &pieces), (text.to_owned(), None), "{text} {size}");
                assert_eq!(sent(ResponseGuard::Report, &pieces), (text.to_owned(), None));
            }
        }
    }

    /// Nothing is delayed that cannot be the beginning of a value.
    #[test]
    fn events_are_not_held() {
        let mut watch = watching(ResponseGuard::Block);
        let mut push = |text: &'static str| watch.push(Bytes::from_static(text.as_bytes()), false).unwrap().bytes;
        assert_eq!(push("data: one\n\n"), "data: one\n\n");
        assert_eq!(push("data: sk-"), "data: ");
        assert_eq!(push("ip\n\n"), "sk-ip\n\n");
        let mut watch = watching(ResponseGuard::Report);
        assert_eq!(watch.push(Bytes::from_static(b"data: sk-canary"), false).unwrap().bytes, "data: sk-canary");
    }

    #[test]
    fn headers() {
        let mut headers = HeaderMap::new();
        headers.insert("x-page", "pk_live_for_every_page".parse().unwrap());
        assert_eq!(watching(ResponseGuard::Report).head(&headers), None);
        headers.insert("location", format!("https://example.com/?key={VALUE}").parse().unwrap());
        assert_eq!(watching(ResponseGuard::Report).head(&headers).unwrap().as_str(), "KEY");
    }
}
