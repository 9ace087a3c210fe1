//! What the columns of CSV and TSV mean.

/// Which column has what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    names: Vec<String>,
    pub(crate) url: usize,
    pub(crate) id: Option<usize>,
    pub(crate) method: Option<usize>,
}

/// No column has URLs.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ColumnsError {
    #[error("no column {wanted}: the columns are {known}")]
    NoSuchColumn { wanted: String, known: String },
    #[error(
        "no column is named url, and the first row has no URL: choose one with --url-column; the columns are {known}"
    )]
    NoUrls { known: String },
}

impl Columns {
    /// From the first two rows. Returns with it whether the first row is a header.
    pub(crate) fn find(
        first: &[String],
        second: Option<&[String]>,
        wanted: Option<&str>,
    ) -> Result<(Self, bool), ColumnsError> {
        let is_header = !first.iter().any(|cell| is_url(cell));
        let names: Vec<String> =
            if is_header { distinct(first) } else { (1..=first.len()).map(|number| number.to_string()).collect() };
        let named = |wanted: &str| {
            let exactly = names.iter().position(|name| name == wanted);
            exactly.or_else(|| names.iter().position(|name| name.eq_ignore_ascii_case(wanted)))
        };
        let known = || names.join(", ");
        let by_number = |wanted: &str| wanted.parse().ok().and_then(|number: usize| number.checked_sub(1));
        let url = match wanted {
            Some(wanted) => named(wanted)
                .or_else(|| by_number(wanted).filter(|index| *index < names.len()))
                .ok_or_else(|| ColumnsError::NoSuchColumn { wanted: wanted.to_owned(), known: known() })?,
            None => named("url")
                .or_else(|| {
                    if is_header { second.unwrap_or_default() } else { first }.iter().position(|cell| is_url(cell))
                })
                .ok_or_else(|| ColumnsError::NoUrls { known: known() })?,
        };
        let other = |name| named(name).filter(|index| is_header && *index != url);
        let (id, method) = (other("id"), other("method"));
        Ok((Self { names, url, id, method }, is_header))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The columns that have no meaning here, with a row's cells.
    pub(crate) fn others<'a>(&'a self, cells: &'a [String]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let cells = self.names.iter().zip(cells).enumerate();
        let others = cells.filter(|(index, _)| *index != self.url && ![self.id, self.method].contains(&Some(*index)));
        others.map(|(_, (name, cell))| (name.as_str(), cell.as_str()))
    }
}

fn is_url(cell: &str) -> bool {
    let cell = cell.trim_start().as_bytes();
    let begins =
        |scheme: &str| cell.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme.as_bytes()));
    begins("http://") || begins("https://")
}

/// Names that differ: those without one are numbered, and so are those that repeat another.
fn distinct(cells: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(cells.len());
    for (index, cell) in cells.iter().enumerate() {
        let name = cell.trim();
        let taken = name.is_empty() || names.iter().any(|other| other == name);
        names.push(if taken { format!("{name}{}", index + 1) } else { name.to_owned() });
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(first: &str, second: &str, wanted: Option<&str>) -> Result<(usize, Option<usize>, bool), String> {
        let cells = |row: &str| row.split(',').map(str::to_owned).collect::<Vec<_>>();
        let found = Columns::find(&cells(first), Some(&cells(second)), wanted);
        found.map(|(columns, is_header)| (columns.url, columns.id, is_header)).map_err(|error| error.to_string())
    }

    #[test]
    fn urls_are_found_by_name_by_number_and_by_what_is_in_the_first_row() {
        assert_eq!(find("id,URL,link", "1,http://a.test/,http://b.test/", None), Ok((1, Some(0), true)));
        assert_eq!(find("id,link", "1,HTTP://a.test/", None), Ok((1, Some(0), true)));
        assert_eq!(find("id,link,url", "1,x,y", Some("link")), Ok((1, Some(0), true)));
        assert_eq!(find("id,link,url", "1,x,y", Some("2")), Ok((1, Some(0), true)));
        assert_eq!(find("7,http://a.test/", "8,http://b.test/", None), Ok((1, None, false)));
        let known = find("id,link", "1,x", Some("3")).unwrap_err();
        assert_eq!(known, "no column 3: the columns are id, link");
        assert!(find("id,link", "1,x", None).unwrap_err().starts_with("no column is named url"));
    }

    #[test]
    fn names_differ() {
        let cells = ["a", "", "a", "a"].map(str::to_owned);
        assert_eq!(distinct(&cells), ["a", "2", "a3", "a4"]);
    }
}
