//! Lists by pages: a query asks for one row more than the page holds, to know whether there is another page.

/// Cuts `found`, which was asked for with one row more than `rows`, to the page. Returns the cursor of the next page, which
/// `cursor` makes of the last row shown; `None` on the last page.
pub(super) fn cut<T>(found: &mut Vec<T>, rows: u32, cursor: impl FnOnce(&T) -> String) -> Option<String> {
    let more = found.len() > rows as usize;
    found.truncate(rows as usize);
    found.last().filter(|_| more).map(cursor)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn the_row_too_many_tells_of_another_page() {
        for (count, shown, cursor) in [(0, 0, None), (2, 2, None), (3, 2, Some("1".to_owned()))] {
            let mut found: Vec<u32> = (0..count).collect();
            assert_eq!(cut(&mut found, 2, u32::to_string), cursor);
            assert_eq!(found.len(), shown);
        }
    }
}
