//! A page of a list.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Some of a list, and where the rest is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Send it as `after` to get the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` of the rows, which are one more than that when there are more.
    pub(in crate::api) fn of(rows: Vec<T>, limit: u16, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::from(limit);
        let more = rows.len() > limit;
        let data: Vec<T> = rows.into_iter().take(limit).collect();
        let next_cursor = data.last().filter(|_| more).map(cursor);
        Self { data, next_cursor }
    }

    /// A list that has one page.
    pub(in crate::api) fn whole(data: Vec<T>) -> Self {
        Self {
            data,
            next_cursor: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = |rows: &[u8]| Page::of(rows.to_vec(), 2, u8::to_string);
        assert_eq!(page(&[]), Page::whole(vec![]));
        assert_eq!(page(&[1, 2]), Page::whole(vec![1, 2]));
        let first = page(&[1, 2, 3]);
        assert_eq!((first.data, first.next_cursor.as_deref()), (vec![1, 2], Some("2")));
    }
}
