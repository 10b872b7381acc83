//! `tresor function logs --follow`: lines as they are printed, from the server's event stream.

use reqwest::Method;
use server::wire::LogLine;

use super::Context;
use super::function::{log_line, path};
use crate::failure::{Done, Failure};
use crate::output::json;

/// Prints the lines of `name` from now on, each as one line of JSON where JSON is asked for. Ends when the server stops.
pub(super) async fn follow(context: &Context, name: &str) -> Done {
    let client = context.client()?;
    let request = client.request(Method::GET, &format!("{}/logs/tail", path(name)?))?;
    let mut response = client.succeed(request).await?;
    context.output.note(&format!("Following {name}. Stop with Ctrl-C"));
    let mut events = Events::default();
    while let Some(chunk) = client.chunk(&mut response).await? {
        for event in events.add(&chunk) {
            match event {
                Event::Missed => context.output.warn("lines came faster than they could be sent; some are left out"),
                Event::Line(line) if context.output.is_json() => context.output.line(&json(&line)?)?,
                Event::Line(line) => context.output.line(&log_line(&line))?,
            }
        }
    }
    Err(Failure::failed("stream_ended", "the server ended the stream")
        .hint("is it stopping? Follow again when it is up"))
}

enum Event {
    Line(LogLine),
    Missed,
}

/// Puts server-sent events together from pieces that end anywhere.
#[derive(Default)]
struct Events {
    rest: Vec<u8>,
}

impl Events {
    fn add(&mut self, chunk: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(chunk);
        let mut events = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.rest.drain(..end + 2).collect();
            events.extend(Self::read(&String::from_utf8_lossy(&block)));
        }
        events
    }

    fn read(block: &str) -> Option<Event> {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
        match field("event:")? {
            "line" => serde_json::from_str(field("data:")?).ok().map(Event::Line),
            "missed" => Some(Event::Missed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Events};

    #[test]
    fn events_come_whole_however_they_are_cut() {
        let text = ": keep-alive\n\nevent: line\ndata: {\"time\":\"t\",\"stream\":\"stdout\",\"text\":\"ä\\n\"}\n\nevent: missed\ndata: \n\n";
        for size in 1..text.len() {
            let mut events = Events::default();
            let found: Vec<Event> = text.as_bytes().chunks(size).flat_map(|chunk| events.add(chunk)).collect();
            assert!(matches!(found.as_slice(), [Event::Line(line), Event::Missed] if line.text == "ä\n"), "{size}");
        }
    }
}
