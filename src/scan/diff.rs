//! Reads what `git diff` and `git diff-tree -p --cc` print: which lines came into which file.

/// A run of lines that came in together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Added<'a> {
    pub(crate) commit: Option<&'a str>,
    pub(crate) path: &'a str,
    /// The number of the first one.
    pub(crate) line: u32,
    pub(crate) text: &'a str,
}

/// Takes a diff line by line.
#[derive(Default)]
pub(crate) struct Diff {
    commit: Option<String>,
    path: Option<String>,
    /// Lines of the hunk that are still to come: for each parent, and of the result.
    parents: Vec<u64>,
    left: u64,
    next: u32,
    first: u32,
    text: String,
}

impl Diff {
    /// Takes one line without its end; `added` gets what came to its end by it.
    pub(crate) fn line(&mut self, line: &[u8], added: &mut impl FnMut(Added<'_>)) {
        if self.left > 0 || self.parents.iter().any(|left| *left > 0) {
            return self.hunk(line, added);
        }
        // "\ No newline at end of file" belongs to the hunk that ended.
        if line.starts_with(b"\\") {
            return;
        }
        self.flush(added);
        if let Some(header) = line.strip_prefix(b"@@") {
            self.header(&String::from_utf8_lossy(header));
        } else if let Some(path) = line.strip_prefix(b"+++ ") {
            self.path = path_of(&String::from_utf8_lossy(path));
        } else if line.starts_with(b"diff --") {
            self.path = None;
        } else if (line.len() == 40 || line.len() == 64) && line.iter().all(u8::is_ascii_hexdigit) {
            self.commit = Some(String::from_utf8_lossy(line).into_owned());
        }
    }

    /// The diff is at its end.
    pub(crate) fn end(&mut self, added: &mut impl FnMut(Added<'_>)) {
        self.flush(added);
    }

    /// `@@ -a,b +c,d @@`, of a merge `@@@ -a,b -a,b +c,d @@@`.
    fn header(&mut self, rest: &str) {
        self.parents.clear();
        for range in rest.trim_start_matches('@').split(' ').take_while(|part| !part.starts_with('@')) {
            let Some((sign, numbers)) = range.split_at_checked(1) else { continue };
            let (start, count) = numbers.split_once(',').unwrap_or((numbers, "1"));
            let (Ok(start), Ok(count)) = (start.parse::<u32>(), count.parse::<u64>()) else { continue };
            match sign {
                "-" => self.parents.push(count),
                "+" => (self.next, self.left) = (start, count),
                _ => {}
            }
        }
    }

    fn hunk(&mut self, line: &[u8], added: &mut impl FnMut(Added<'_>)) {
        if line.starts_with(b"\\") {
            return;
        }
        let marks = line.get(..self.parents.len()).unwrap_or_default();
        let removed = marks.contains(&b'-');
        for (left, mark) in self.parents.iter_mut().zip(marks) {
            // In this parent it was too, or was taken from it.
            if *mark == if removed { b'-' } else { b' ' } {
                *left = left.saturating_sub(1);
            }
        }
        if removed {
            return;
        }
        if marks.is_empty() {
            // A line that is no part of a hunk: the diff is not what it should be.
            self.left = 0;
            self.parents.clear();
            return;
        }
        if marks.iter().all(|mark| *mark == b'+') {
            if self.text.is_empty() {
                self.first = self.next;
            }
            self.text.push_str(&String::from_utf8_lossy(line.get(marks.len()..).unwrap_or_default()));
            self.text.push('\n');
        } else {
            self.flush(added);
        }
        self.next = self.next.saturating_add(1);
        self.left = self.left.saturating_sub(1);
    }

    fn flush(&mut self, added: &mut impl FnMut(Added<'_>)) {
        if !self.text.is_empty()
            && let Some(path) = &self.path
        {
            added(Added { commit: self.commit.as_deref(), path, line: self.first, text: &self.text });
        }
        self.text.clear();
    }
}

/// The path of a `+++` line: without `b/`, unquoted; `None` of a file that went.
fn path_of(text: &str) -> Option<String> {
    let text = text.strip_suffix('\t').unwrap_or(text);
    let plain = match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => unquoted(quoted),
        None => text.to_owned(),
    };
    plain.strip_prefix("b/").map(ToOwned::to_owned)
}

/// What git quotes as C does.
fn unquoted(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'r') => bytes.push(b'\r'),
            Some(digit @ b'0'..=b'3') => {
                let mut code = u32::from(digit - b'0');
                for digit in rest.by_ref().take(2) {
                    code = code * 8 + u32::from(digit.wrapping_sub(b'0') & 7);
                }
                bytes.push(u8::try_from(code).unwrap_or(b'?'));
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::Diff;

    fn added(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut diff = Diff::default();
        let mut note = |added: super::Added<'_>| {
            let commit = added.commit.map_or_else(String::new, |commit| format!("{} ", &commit[..4]));
            found.push(format!("{commit}{}:{} {}", added.path, added.line, added.text.replace('\n', "|")));
        };
        for line in text.lines() {
            diff.line(line.as_bytes(), &mut note);
        }
        diff.end(&mut note);
        found
    }

    #[test]
    fn lines_that_came() {
        let text = "5d191671e3353436ff7a6c69b10b63a9b46e56df\n\
            diff --git a/x b/x\nindex 422c2b7..b6d45c1 100644\n--- a/x\n+++ b/x\n@@ -2,0 +3 @@ b\n+br1\n@@ -9,2 +11,2 @@\n--- a/y\n-gone\n+++ b/z\n+came\n\
            diff --git \"a/y \\303\\251\\\"q\" \"b/y \\303\\251\\\"q\"\nnew file mode 100644\n--- /dev/null\n+++ \"b/y \\303\\251\\\"q\"\t\n@@ -0,0 +1,2 @@\n+new\n+last\n\\ No newline at end of file\n\
            diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\
            diff --git a/p.png b/p.png\nBinary files a/p.png and b/p.png differ\n\
            2fd0e12a75449dbaf3cc5f57afe801f7ef7a22d0\n\
            diff --cc x\nindex bbe204d,b6d45c1..14befe5\n--- a/x\n+++ b/x\n@@@ -1,1 -1,0 +1,2 @@@\n +m1\n++evil\n@@@ -5,1 -4,1 +6,1 @@@\n--old\n++both\n";
        assert_eq!(
            added(text),
            ["5d19 x:3 br1|", "5d19 x:11 ++ b/z|came|", "5d19 y é\"q:1 new|last|", "2fd0 x:2 evil|", "2fd0 x:6 both|"]
        );
    }

    #[test]
    fn anything_is_read_without_a_panic() {
        for text in [
            "@@",
            "@@ -1 +1 @@\nx",
            "@@@ @@@\n",
            "@@ -1,9999999999999999999 +1 @@\n+a",
            "+++ \"b/\\",
            "@@ -0,0 +1,3 @@\n+a\n",
            "\\ No newline",
        ] {
            added(text);
        }
    }
}
