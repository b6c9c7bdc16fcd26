//! Words for what is no declaration of a plug-in: the first mistake, by its name.

/// Tells the first mistake of what [`plugin!`](crate::plugin!) could not read.
#[doc(hidden)]
#[macro_export]
macro_rules! plugin_mistake {
    (#[doc = $about:literal] $($rest:tt)*) => { $crate::plugin_mistake! { @documented $($rest)* } };
    (#[$attribute:meta] $($rest:tt)*) => { $crate::plugin_mistake! { @attribute $attribute } };
    ($visibility:vis struct $plugin:ident $($rest:tt)*) => {
        compile_error!(concat!(
            "the plug-in `", stringify!($plugin), "` needs a doc comment: its first paragraph is the summary in help"
        ));
    };

    (@documented #[doc = $about:literal] $($rest:tt)*) => {
        $crate::plugin_mistake! { @documented $($rest)* }
    };
    (@documented #[$attribute:meta] $($rest:tt)*) => {
        $crate::plugin_mistake! { @attribute $attribute }
    };
    (
        @documented $visibility:vis struct $plugin:ident = $name:literal $(, $directions:ident)? {
            $($options:tt)*
        } $($check:tt)*
    ) => {
        $crate::plugin_mistake! { @options $($options)* }
    };
    (@documented $visibility:vis struct $plugin:ident < $($rest:tt)*) => {
        compile_error!(concat!("the plug-in `", stringify!($plugin), "` cannot be generic: its options are texts"));
    };
    (@documented $visibility:vis struct $plugin:ident { $($rest:tt)* } $($check:tt)*) => {
        compile_error!(concat!(
            "the plug-in `", stringify!($plugin), "` needs a name: `struct ", stringify!($plugin), " = \"name\"`"
        ));
    };

    (@options ; $($state:tt)*) => { $crate::plugin_mistake! { @state $($state)* } };
    (@options #[doc = $help:literal] $($rest:tt)*) => { $crate::plugin_mistake! { @option $($rest)* } };
    (@options #[$attribute:meta] $($rest:tt)*) => { $crate::plugin_mistake! { @attribute $attribute } };
    (@options pub $($rest:tt)*) => { $crate::plugin_mistake! { @public } };
    (@options $option:ident $($rest:tt)*) => {
        compile_error!(concat!(
            "option `", stringify!($option), "` needs a doc comment: that is its help. What is no option but state \
             stands after a lone `;`"
        ));
    };

    (@option #[doc = $help:literal] $($rest:tt)*) => { $crate::plugin_mistake! { @option $($rest)* } };
    (@option #[$attribute:meta] $($rest:tt)*) => { $crate::plugin_mistake! { @attribute $attribute } };
    (@option pub $($rest:tt)*) => { $crate::plugin_mistake! { @public } };
    (
        @option $option:ident $(as $given:literal)? : $type:ty = $(like $example:literal)? $($default:literal)?
        $(, $($rest:tt)*)?
    ) => {
        $crate::plugin_mistake! { @options $($($rest)*)? }
    };
    (
        @option $option:ident $(as $given:literal)? : $type:ty = $(like $example:literal)? $($default:literal)?
        ; $($state:tt)*
    ) => {
        $crate::plugin_mistake! { @state $($state)* }
    };
    (@option $option:ident $(as $given:literal)? : $type:ty = $($rest:tt)*) => {
        compile_error!(concat!(
            "the default of option `", stringify!($option), "` is a text, as a user would write it, such as `= \"1s\"`"
        ));
    };
    (@option $option:ident $(as $given:literal)? : $type:ty $(, $($rest:tt)*)?) => {
        $crate::plugin_mistake! { @bare $option }
    };
    (@option $option:ident $(as $given:literal)? : $type:ty ; $($state:tt)*) => {
        $crate::plugin_mistake! { @bare $option }
    };

    (@state #[$attribute:meta] $($rest:tt)*) => { $crate::plugin_mistake! { @state $($rest)* } };
    (@state pub $($rest:tt)*) => { $crate::plugin_mistake! { @public } };
    (@state $state:ident : $type:ty = $($rest:tt)*) => {
        compile_error!(concat!(
            "the state `", stringify!($state), "` has no default here: it is born from `Default`, and what users may \
             set stands before the lone `;`"
        ));
    };
    (@state $state:ident : $type:ty $(, $($rest:tt)*)?) => {
        $crate::plugin_mistake! { @state $($($rest)*)? }
    };

    (@bare $option:ident) => {
        compile_error!(concat!(
            "option `", stringify!($option), "` needs a default: `= \"1s\"`, or `= like \"1s\"` for one that must be \
             given. What is no option but state stands after a lone `;`"
        ));
    };
    (@public) => {
        compile_error!("no field of a plug-in is written with `pub`: all of them are public");
    };
    (@attribute $attribute:meta) => {
        compile_error!(concat!(
            "`#[", stringify!($attribute), "]` cannot stand here: a plug-in derives Clone and Debug, and only its state \
             takes attributes"
        ));
    };
    ($($wrong:tt)*) => {
        compile_error!(
            "this is no plug-in: expected `/// Documentation.` and `pub struct Name = \"name\" { ... }`, with \
             `/// Documentation.` and `option: Type = \"default\",` for each option, and behind a lone `;` \
             `name: Type,` for each field of its state"
        );
    };
}
