//! A graph as a picture that needs nothing else: no script, no font, no other file.

use std::fmt::Write as _;
use std::panic::catch_unwind;

use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::{LineStyleKind, StyleAttr};
use layout::std_shapes::render::get_shape_size;
use layout::std_shapes::shapes::{Arrow, Element, LineEndKind, ShapeKind};
use layout::topo::layout::VisualGraph;

/// Most arrows of a picture: more can't be read, and take long to place.
pub(super) const MAX_ARROWS: usize = 200;

/// Longest label, characters.
const MAX_LABEL: usize = 60;

/// Width of a character in a box, in pixels, at the size that the style sheet gives it.
const WIDTH: usize = 9;
/// Of one beside an arrow.
const SMALL: usize = 8;

const MARGIN: f64 = 12.0;

/// Dark where the reader's page is. Colours have a contrast of 4.5 or more to what is behind them.
const STYLE: &str = "\
svg { background: var(--back); --back: #fff; --line: #57606a; --text: #1f2328; --box: #f6f8fa; --no: #b42318; }
@media (prefers-color-scheme: dark) {
svg { --back: #0f1318; --line: #9aa4af; --text: #e6edf3; --box: #1b222a; --no: #ff8a80; }
}
text { font-family: ui-monospace, monospace; text-anchor: middle; dominant-baseline: central; fill: var(--text); }
.name { font-size: 14px; }
.count { font-size: 12px; paint-order: stroke; stroke: var(--back); stroke-width: 5px; }
rect { fill: var(--box); stroke: var(--line); stroke-width: 1.5; }
.service { stroke-width: 3.5; }
.nobody { stroke-dasharray: 5 4; }
path { fill: none; stroke: var(--line); stroke-width: 1.5; }
.never { stroke: var(--no); stroke-dasharray: 6 4; }
";

/// What a box is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nobody,
    Caller,
    Service,
}

/// A graph to be drawn.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    pub(super) boxes: Vec<(Kind, String)>,
    pub(super) arrows: Vec<Hop>,
}

/// An arrow from one box to another, by their places.
#[derive(Debug)]
pub(super) struct Hop {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: String,
    /// Whether anything ever passed.
    pub(super) passed: bool,
}

impl Drawing {
    /// The picture; `None` where no place is found for everything.
    pub(super) fn svg(&self) -> Option<String> {
        if self.boxes.is_empty() {
            return Some(Canvas::default().finish());
        }
        // The layout holds itself to be right by assertions, one of which fails where points happen to coincide.
        [true, false].into_iter().find_map(|tidy| catch_unwind(|| self.laid_out(tidy)).ok())
    }

    fn laid_out(&self, tidy: bool) -> String {
        let mut graph = VisualGraph::new(Orientation::LeftToRight);
        let handles: Vec<_> = self
            .boxes
            .iter()
            .map(|(kind, label)| {
                let shape = ShapeKind::new_box(&cut(label));
                let rounded = if *kind == Kind::Service { 3 } else { 12 };
                let look = look(WIDTH, rounded);
                let size = get_shape_size(Orientation::LeftToRight, &shape, WIDTH, false);
                let class = kind.class();
                let element = Element::create_with_properties(shape, look, Orientation::LeftToRight, size, class);
                graph.add_node(element)
            })
            .collect();
        for hop in &self.arrows {
            let (Some(from), Some(to)) = (handles.get(hop.from), handles.get(hop.to)) else { continue };
            let line = if hop.passed { LineStyleKind::Normal } else { LineStyleKind::Dashed };
            let look = look(SMALL, 0);
            let arrow = Arrow::new(LineEndKind::None, LineEndKind::Arrow, line, &hop.label, &look, &None, &None);
            graph.add_edge(arrow, *from, *to);
        }
        let mut canvas = Canvas::default();
        graph.do_it(false, !tidy, false, &mut canvas);
        canvas.finish()
    }
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Caller => "caller",
            Self::Service => "service",
        }
    }
}

fn look(font_size: usize, rounded: usize) -> StyleAttr {
    StyleAttr::new(Color::fast("black"), 1, None, rounded, font_size)
}

fn cut(label: &str) -> String {
    let mut chars = label.chars();
    let mut kept: String = chars.by_ref().take(MAX_LABEL).collect();
    if chars.next().is_some() {
        kept.push('…');
    }
    kept
}

/// Gathers what the layout places. Arrows lie under boxes, and words above both.
#[derive(Debug, Default)]
struct Canvas {
    arrows: String,
    boxes: String,
    words: String,
    /// Top left and bottom right of all of it.
    extent: Option<(Point, Point)>,
}

// Writing to a `String` can't fail.
impl Canvas {
    fn grow(&mut self, point: Point) {
        let (least, most) = self.extent.unwrap_or((point, point));
        let least = Point::new(least.x.min(point.x), least.y.min(point.y));
        self.extent = Some((least, Point::new(most.x.max(point.x), most.y.max(point.y))));
    }

    fn finish(self) -> String {
        let (least, most) = self.extent.unwrap_or((Point::zero(), Point::zero()));
        let (left, top) = (least.x - MARGIN, least.y - MARGIN);
        let (width, height) = (most.x - left + MARGIN, most.y - top + MARGIN);
        let mut svg = String::new();
        let _ = writeln!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" viewBox="{left:.0} {top:.0} {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}">"#
        );
        svg.push_str("<title id=\"title\">Who called whom for whom</title>\n<style>\n");
        svg.push_str(STYLE);
        svg.push_str("</style>\n<defs>\n");
        for (id, colour) in [("head", "--line"), ("head-never", "--no")] {
            let _ = writeln!(
                svg,
                r#"<marker id="{id}" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto-start-reverse" markerUnits="userSpaceOnUse"><polygon points="0 0, 9 4, 0 8" style="fill: var({colour})"/></marker>"#
            );
        }
        svg.push_str("</defs>\n");
        svg.push_str(&self.arrows);
        svg.push_str(&self.boxes);
        svg.push_str(&self.words);
        svg.push_str("</svg>\n");
        svg
    }
}

impl RenderBackend for Canvas {
    fn draw_rect(&mut self, at: Point, size: Point, look: &StyleAttr, class: Option<String>, _: Option<ClipHandle>) {
        self.grow(at);
        self.grow(at.add(size));
        let (class, rounded) = (class.unwrap_or_default(), look.rounded);
        let _ = writeln!(
            self.boxes,
            r#"<rect class="{class}" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" rx="{rounded}"/>"#,
            at.x, at.y, size.x, size.y
        );
    }

    fn draw_text(&mut self, at: Point, text: &str, look: &StyleAttr) {
        let class = if look.font_size == WIDTH { "name" } else { "count" };
        let text = escaped(text);
        let _ = writeln!(self.words, r#"<text class="{class}" x="{:.1}" y="{:.1}">{text}</text>"#, at.x, at.y);
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        dashed: bool,
        head: (bool, bool),
        _: &StyleAttr,
        _: Option<String>,
        _: &str,
    ) {
        let [(start, leave), (arrive, second), rest @ ..] = path else { return };
        let mut curve = format!(
            "M {:.1} {:.1} C {:.1} {:.1}, {:.1} {:.1}, {:.1} {:.1}",
            start.x, start.y, leave.x, leave.y, arrive.x, arrive.y, second.x, second.y
        );
        for (arrive, point) in rest {
            let _ = write!(curve, " S {:.1} {:.1}, {:.1} {:.1}", arrive.x, arrive.y, point.x, point.y);
        }
        path.iter().flat_map(|(a, b)| [a, b]).for_each(|point| self.grow(*point));
        let (class, marker) = if dashed { ("never", "head-never") } else { ("passed", "head") };
        let end =
            |is: bool, which: &str| if is { format!(r#" marker-{which}="url(#{marker})""#) } else { String::new() };
        let (first, last) = (end(head.0, "start"), end(head.1, "end"));
        let _ = writeln!(self.arrows, r#"<path class="{class}" d="{curve}"{first}{last}/>"#);
    }

    // None of these is asked for by boxes and arrows.
    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}
    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}
    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawing(names: &[String], hops: impl IntoIterator<Item = (usize, usize)>) -> Drawing {
        let hop = |(from, to)| Hop { from, to, label: "1 allow, 0 deny".to_owned(), passed: to % 2 == 0 };
        Drawing {
            boxes: names.iter().map(|name| (Kind::Caller, name.clone())).collect(),
            arrows: hops.into_iter().map(hop).collect(),
        }
    }

    #[test]
    fn nobody_is_an_empty_picture() {
        let svg = drawing(&[], []).svg().expect("a picture");
        assert!(svg.ends_with("</defs>\n</svg>\n"), "{svg}");
    }

    proptest! {
        #[test]
        fn whatever_calls_whatever_is_drawn(hops in proptest::collection::btree_set((0_usize..12, 0_usize..12), 1..40)) {
            let names: Vec<_> = (0..12).map(|n| format!("name-{n}")).collect();
            let svg = drawing(&names, hops.clone()).svg().expect("a picture");
            prop_assert_eq!(svg.matches("<rect ").count(), names.len());
            prop_assert_eq!(svg.matches("<path ").count(), hops.len());
        }

        #[test]
        fn no_name_is_markup(name in ".{0,80}") {
            let svg = drawing(&[name.clone(), "other".to_owned()], [(0, 1)]).svg().expect("a picture");
            let plain = drawing(&["x".to_owned(), "other".to_owned()], [(0, 1)]).svg().expect("a picture");
            let tags = |svg: &str| (svg.matches('<').count(), svg.matches('>').count());
            prop_assert_eq!(tags(&svg), tags(&plain), "{:?}", name);
        }
    }
}
