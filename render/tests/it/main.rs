//! render as its users see it: pictures, answers and pages.

mod draw;
