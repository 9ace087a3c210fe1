//! Names of values, as in the WIT interface, in JSON and on the command line.

use super::{BodyMode, Order};

macro_rules! names {
    ($Type:ident { $($Case:ident = $name:literal),+ }) => {
        impl $Type {
            /// Its name in the WIT interface.
            pub fn name(self) -> &'static str {
                match self {
                    $($Type::$Case => $name,)+
                }
            }

            /// The one of that name.
            pub fn named(name: &str) -> Option<Self> {
                [$($Type::$Case),+].into_iter().find(|case| case.name() == name)
            }
        }
    };
}

names!(BodyMode { Discard = "discard", Bytes = "bytes", Unread = "unread" });
names!(Order { Completion = "completion", Input = "input" });
