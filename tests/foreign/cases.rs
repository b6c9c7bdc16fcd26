//! Each behavior on the three protocols: what comes out, or a part of the reason for which the rule
//! is refused.

/// A rule, and its outcome with greetings, lines and frames.
pub(crate) struct Case {
    pub(crate) rule: &'static str,
    pub(crate) outcomes: [&'static str; 3],
}

/// Outcome where the documentation of the behavior says that nothing happens.
pub(crate) const NOTHING: &str = "nothing";

const fn case(rule: &'static str, outcomes: [&'static str; 3]) -> Case {
    Case { rule, outcomes }
}

pub(crate) const CASES: &[Case] = &[
    case("dummy", [NOTHING, NOTHING, NOTHING]),
    case(
        "delay:sleep=5ms",
        [
            r"5>HI2alr\r\nabcd 15<ok 20>END 30<END",
            r"5>GET a\nSET b\n 15<one\n 20<two\n 20>END 30<END",
            "5>3abc2de 15<2on 20<2tw 20>END 30<END",
        ],
    ),
    case(
        "delay:sleep=5ms:overtake=yes:first=1",
        [
            r"0>abcd 5>HI2alr\r\n 15<ok 20>END 30<END",
            r"0>SET b\n 5>GET a\n 15<one\ntwo\n 20>END 30<END",
            "0>2de 5>3abc 15<2on2tw 20>END 30<END",
        ],
    ),
    case(
        "throttle:rate=1kB/s",
        [
            r"0>HI2al 3>r\r\n 7>abcd 10<ok 20>END 30<END",
            r"0>GET a 1>\n 6>SET b 7>\n 10<one\n 15<two\n 20>END 30<END",
            "0>3abc 2>2de 10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "split:size=2:gap=1ms",
        [
            r"0>HI 1>2a 2>lr 3>\r\nab 4>cd 10<ok 20>END 30<END",
            r"0>GE 1>T  2>a\nSE 3>T  4>b\n 10<on 11<e\n 15<tw 16<o\n 20>END 30<END",
            "0>3a 1>bc2d 2>e 10<2o 11<n 15<2t 16<w 20>END 30<END",
        ],
    ),
    case(
        "split:at=fields:gap=1ms",
        [
            r"0>HI 1>2 2>al 3>r 4>\r\nabcd 10<ok 20>END 30<END",
            r"0>GET 1> a 2>\nSET 3> b 4>\n 10<one 11<\n 15<two 16<\n 20>END 30<END",
            "0>3 1>abc2 2>de 10<2 11<on 15<2 16<tw 20>END 30<END",
        ],
    ),
    case("drop", ["20>END 30<END", "20>END 30<END", "20>END 30<END"]),
    case(
        "drop:only=request",
        [
            "refused: is for units of kind request",
            r"10<one\n 15<two\n 20>END 30<END",
            "10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "hang:direction=upstream",
        ["10<ok 30<END", r"10<one\n 15<two\n 30<END", "10<2on 15<2tw 30<END"],
    ),
    case("blackout", ["0<CLOSE", "0<CLOSE", "0<CLOSE"]),
    case("abort", [r"0>HI2alr\r\n 0>CLOSE", r"0>GET a\n 0>CLOSE", "0>3abc 0>CLOSE"]),
    case(
        "close:bytes=1",
        [
            r"0>HI2alr\r\nabcd 10<o 10<CLOSE",
            r"0>GET a\nSET b\n 10<o 10<CLOSE",
            "0>3abc2de 10<2 10<CLOSE",
        ],
    ),
    case(
        "reset:after=12ms",
        [
            r"0>HI2alr\r\nabcd 10<ok 12<RESET",
            r"0>GET a\nSET b\n 10<one\n 12<RESET",
            "0>3abc2de 10<2on 12<RESET",
        ],
    ),
    case(
        "limit:bytes=1",
        [
            r"0>HI2alr\r\nabcd 10<o 10<CLOSE",
            r"0>GET a\nSET b\n 10<o 10<CLOSE",
            "0>3abc2de 10<2 10<CLOSE",
        ],
    ),
    case("timeout:after=50ms", ["50>CLOSE", "50>CLOSE", "50>CLOSE"]),
    case(
        "slow-close:delay=5ms",
        [
            r"0>HI2alr\r\nabcd 10<ok 25>END 35<END",
            r"0>GET a\nSET b\n 10<one\n 15<two\n 25>END 35<END",
            "0>3abc2de 10<2on 15<2tw 25>END 35<END",
        ],
    ),
    case(
        "half-open",
        [
            r"0>HI2alr\r\nabcd 10<ok",
            r"0>GET a\nSET b\n 10<one\n 15<two\n",
            "0>3abc2de 10<2on 15<2tw",
        ],
    ),
    case(
        "slow-connect:delay=7ms",
        [
            r"7DIAL 7>HI2alr\r\nabcd 10<ok 20>END 30<END",
            r"7DIAL 7>GET a\nSET b\n 10<one\n 15<two\n 20>END 30<END",
            "7DIAL 7>3abc2de 10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "corrupt:every=4:how=zero",
        [
            r"0>HI2\x00lr\r\x00abc\x00 10<ok 20>END 30<END",
            r"0>GET\x00a\nS\x00T b\x00 10<one\x00 15<two\x00 20>END 30<END",
            r"0>3ab\x002de 10<2on 15<\x00tw 20>END 30<END",
        ],
    ),
    case(
        "truncate:keep=1:close=no",
        [
            r"0>HI2alr\r\nabcd 10<o 20>END 30<END",
            r"0>GET a\nSET b\n 10<o 15<t 20>END 30<END",
            "0>3abc2de 10<2 15<2 20>END 30<END",
        ],
    ),
    case(
        "truncate:only=request:keep=1:direction=upstream",
        ["refused: is for units of kind request", "0>G 0>CLOSE", "0>3 0>CLOSE"],
    ),
    case(
        "duplicate",
        [
            r"0>HI2alr\r\nHI2alr\r\nabcdabcd 10<okok 20>END 30<END",
            r"0>GET a\nGET a\nSET b\nSET b\n 10<one\none\n 15<two\ntwo\n 20>END 30<END",
            "0>3abc3abc2de2de 10<2on2on 15<2tw2tw 20>END 30<END",
        ],
    ),
    case(
        "reorder:direction=upstream",
        [
            r"0>abcdHI2alr\r\n 10<ok 20>END 30<END",
            r"0>SET b\nGET a\n 10<one\n 15<two\n 20>END 30<END",
            "0>2de3abc 10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "reorder:order=reverse:by=3",
        [
            r"20>abcdHI2alr\r\n 20>END 30<ok 30<END",
            r"20>SET b\nGET a\n 20>END 1010<one\ntwo\n 1010<END",
            "20>2de3abc 20>END 30<2tw2on 30<END",
        ],
    ),
    case(
        "coalesce:within=3ms",
        [
            r"3>HI2alr\r\nabcd 13<ok 20>END 30<END",
            r"3>GET a\nSET b\n 13<one\n 18<two\n 20>END 30<END",
            "3>3abc2de 13<2on 18<2tw 20>END 30<END",
        ],
    ),
    case(
        "inject:text=+",
        [
            r"0>HI2alr\r\nabcd 10<+ok 20>END 30<END",
            r"0>GET a\nSET b\n 10<+one\n 15<+two\n 20>END 30<END",
            "0>3abc2de 10<+2on 15<+2tw 20>END 30<END",
        ],
    ),
    case(
        "replace:match=[ao]:with=_",
        [
            r"0>HI2_li\r\n_bcd 10<_k 20>END 30<END",
            r"0>GET _\nSET b\n 10<_ne\n 15<tw_\n 20>END 30<END",
            "0>3_bc2de 10<2_n 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "error:message=no",
        [
            "0<[1000 bytes] 0>CLOSE",
            r"0<ERR no\nERR no\n 10<one\n 15<two\n 20>END 30<END",
            "0<2no2no 10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "error:message=no:only=request",
        [
            "refused: is for units of kind request",
            r"0<ERR no\nERR no\n 10<one\n 15<two\n 20>END 30<END",
            "0<2no2no 10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "transient:message=no:agitate=2",
        [
            "0<[1000 bytes] 0>CLOSE",
            r"0<ERR no\nERR no\n 10<one\n 15<two\n 20>END 30<END",
            "0<2no2no 10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "corrupt-header:how=zero",
        [
            r"0>HI2al\x00\r\nabcd 10<ok 20>END 30<END",
            "refused: is for units of kind header",
            "refused: is for units of kind header",
        ],
    ),
    case(
        "corrupt-header:field=name:how=swap-case",
        [
            r"0>HI2ALy\r\nabcd 10<ok 20>END 30<END",
            r#"refused: needs the field "name""#,
            r#"refused: needs the field "name""#,
        ],
    ),
    case(
        "corrupt-header:field=checksum",
        [
            r"0>HI2alb\r\nabcd 10<ok 20>END 30<END",
            r#"refused: needs the field "checksum""#,
            r#"refused: needs the field "checksum""#,
        ],
    ),
    case(
        "corrupt-header:field=payload:how=missing",
        [
            r#"refused: needs the field "payload""#,
            r#"refused: needs the field "payload""#,
            "0>00 10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "corrupt-header:field=verb:how=set:value=PUT",
        [
            r#"refused: needs the field "verb""#,
            r"0>PUT a\nPUT b\n 10<one\n 15<two\n 20>END 30<END",
            r#"refused: needs the field "verb""#,
        ],
    ),
    case(
        "corrupt-header:how=lf-only",
        [r"0>HI2alk\nabcd 10<ok 20>END 30<END", NOTHING, r#"refused: needs the field "line-end""#],
    ),
    case(
        "corrupt-header:how=cr-only:direction=both",
        [
            r"0>HI2alk\rabcd 10<ok 20>END 30<END",
            r"0>GET a\rSET b\r 10<one\r 15<two\r 20>END 30<END",
            r#"refused: needs the field "line-end""#,
        ],
    ),
    case(
        "corrupt-header:how=extra-space:only=request",
        [
            "refused: is for units of kind request",
            r"0>GET a \nSET b \n 10<one\n 15<two\n 20>END 30<END",
            "0>4 abc 2de 10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "corrupt-header:how=missing:only=response:direction=downstream",
        [
            "refused: needs messages or headers",
            r"0>GET a\nSET b\n 10<one 15<two 20>END 30<END",
            "0>3abc2de 10<on 15<0 20>END 30<END",
        ],
    ),
    case(
        "lie-length",
        [
            r"0>HI3all\r\nabcd 10<ok 20>END 30<END",
            "refused: is for units of kind header",
            "refused: is for units of kind header",
        ],
    ),
    case(
        "lie-length:only=request",
        [
            "refused: is for units of kind request",
            r#"refused: needs the field "length""#,
            r#"refused: needs the field "length""#,
        ],
    ),
    case(
        "lie-length:field=size",
        [
            r#"refused: needs the field "size""#,
            r#"refused: needs the field "size""#,
            "0>4abc3de 10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "lie-length:field=size:to=57:direction=both",
        [
            r#"refused: needs the field "size""#,
            r#"refused: needs the field "size""#,
            "0>9abc9de 10<9on 15<9tw 20>END 30<END",
        ],
    ),
    case(
        "lie-length:field=sise",
        [
            r#"refused: needs the field "sise""#,
            r#"refused: needs the field "sise""#,
            r#"refused: did you mean "size"?"#,
        ],
    ),
    case(
        "missing-header",
        [
            "0>abcd 10<ok 20>END 30<END",
            "refused: is for units of kind header",
            "refused: is for units of kind header",
        ],
    ),
    case(
        "missing-header:only=request",
        [
            "refused: is for units of kind request",
            r"10<one\n 15<two\n 20>END 30<END",
            "10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "duplicate-header",
        [
            r"0>HI2alr\r\nHI2alr\r\nabcd 10<ok 20>END 30<END",
            "refused: is for units of kind header",
            "refused: is for units of kind header",
        ],
    ),
    case(
        "duplicate-header:only=request",
        [
            "refused: is for units of kind request",
            r"0>GET a\nGET a\nSET b\nSET b\n 10<one\n 15<two\n 20>END 30<END",
            "0>3abc3abc2de2de 10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "late-header:sleep=7ms",
        [
            r"7>HI2alr\r\nabcd 10<ok 20>END 30<END",
            "refused: is for units of kind header",
            "refused: is for units of kind header",
        ],
    ),
    case(
        "late-header:payload=2",
        [
            r"0>abHI2alr\r\ncd 10<ok 20>END 30<END",
            "refused: is for units of kind header",
            "refused: is for units of kind header",
        ],
    ),
    case(
        "late-header:payload=2:only=request",
        [
            "refused: is for units of kind request",
            r"0>SEGET a\nT b\n 10<one\n 15<two\n 20>END 30<END",
            "0>2d3abce 10<2on 15<2tw 20>END 30<END",
        ],
    ),
    case(
        "late-header:sleep=7ms:only=response:direction=downstream",
        [
            "refused: needs messages or headers",
            r"0>GET a\nSET b\n 17<one\n 20>END 22<two\n 30<END",
            "0>3abc2de 17<2on 20>END 22<2tw 30<END",
        ],
    ),
    case(
        "header-garbage:with=++",
        [
            r"0>++HI2alr\r\nabcd 10<ok 20>END 30<END",
            "refused: is for units of kind header",
            "refused: is for units of kind header",
        ],
    ),
    case(
        "header-garbage:with=++:where=after:only=request",
        [
            "refused: is for units of kind request",
            r"0>GET a\n++SET b\n++ 10<one\n 15<two\n 20>END 30<END",
            "0>3abc++2de++ 10<2on 15<2tw 20>END 30<END",
        ],
    ),
];
