use serde_json::json;

use super::*;

fn claims() -> Map<String, serde_json::Value> {
    let claims = json!({
        "sub": "repo:acme/shop:environment:production",
        "repository": "acme/shop",
        "repository_owner_id": "1",
        "ref": "refs/heads/main",
        "environment": "production",
        "run_attempt": 2,
        "big": u64::MAX,
        "half": 0.5,
        "fork": false,
        "nothing": null,
        "groups": ["dev", "ops"],
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "deploy"}},
    });
    claims.as_object().unwrap().clone()
}

#[test]
fn a_condition_is_judged_by_the_claims_and_a_missing_one_makes_it_false() {
    use NotJudged::{NotABool, WrongType};
    for (text, judged) in [
        ("true", Ok(true)),
        (r#"claims.repository == "acme/shop""#, Ok(true)),
        (r#"claims.repository == "acme/shop2""#, Ok(false)),
        (r#"claims["repository"] == "acme/shop""#, Ok(true)),
        (
            r#"claims.repository == "acme/shop" && claims.ref == "refs/heads/main" && claims.environment == "production""#,
            Ok(true),
        ),
        (
            r#"claims.repository == "acme/shop" && claims.ref in ["refs/heads/main", "refs/heads/next"]"#,
            Ok(true),
        ),
        (r#"claims.sub.startsWith("repo:acme/")"#, Ok(true)),
        (r#"claims.sub.startsWith("repo:evil/")"#, Ok(false)),
        (
            r#"claims.sub.endsWith(":environment:production")"#,
            Ok(true),
        ),
        (r#"claims.sub.contains("shop")"#, Ok(true)),
        (
            "claims.run_attempt < 3 && claims.run_attempt >= 1",
            Ok(true),
        ),
        ("claims.big > 5u", Ok(true)),
        ("claims.half == 0.5", Ok(true)),
        ("!claims.fork", Ok(true)),
        (r#""ops" in claims.groups"#, Ok(true)),
        (r#"claims.groups.exists(g, g == "ops")"#, Ok(true)),
        (r#"claims.groups.all(g, g == "ops")"#, Ok(false)),
        ("size(claims.groups) == 2", Ok(true)),
        (
            r#"claims["kubernetes.io"].serviceaccount.name == "deploy""#,
            Ok(true),
        ),
        (r"claims.fork ? false : true", Ok(true)),
        ("claims.nothing == null", Ok(true)),
        // What is not there.
        (r#"claims.actor == "jane""#, Ok(false)),
        (r#"claims.actor != "jane""#, Ok(false)),
        (r#"!(claims.actor == "jane")"#, Ok(false)),
        (r#"claims["kubernetes.io"].pod.name == "x""#, Ok(false)),
        (
            r#"claims.actor == "jane" || claims.ref == "refs/heads/main""#,
            Ok(true),
        ),
        ("has(claims.actor)", Ok(false)),
        ("!has(claims.actor)", Ok(true)),
        ("has(claims.ref)", Ok(true)),
        // What is of another type.
        (r#"claims.run_attempt.startsWith("2")"#, Err(WrongType)),
        (r"claims.repository < 3", Err(WrongType)),
        ("claims.repository", Err(NotABool)),
        ("claims.repository && true", Err(WrongType)),
    ] {
        let condition = Condition::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(condition.holds(&claims()), judged, "{text}");
    }
}

#[test]
fn a_text_that_is_no_condition_is_refused_when_it_is_compiled_and_told_why() {
    for (text, why) in [
        ("", "is not an expression"),
        ("claims.ref ==", "at character"),
        ("claims.ref = \"x\"", "is not an expression"),
        ("repository == \"x\"", "names \"repository\""),
        ("request.client_id == \"x\"", "names \"request\""),
        ("claims.ref.matches(\"a+\")", "uses matches"),
        ("claims.a + claims.b == \"x\"", "uses +"),
        ("claims.list.map(x, x) == []", "uses +"),
        ("claims.list.filter(x, x == 1) == []", "uses +"),
        ("claims.a.startWith(\"x\")", "uses startWith"),
        (
            "claims.a.exists(x, claims.b.exists(y, x == y))",
            "a loop within a loop",
        ),
        ("\"production\"", "never true or false"),
        ("claims", "never true or false"),
        ("size(claims.list)", "never true or false"),
        ("[true]", "never true or false"),
        ("Thing{}", "never true or false"),
        ("Thing{} == claims.a", "uses Thing"),
    ] {
        let refused = match Condition::parse(text) {
            Ok(_) => panic!("{text} is taken"),
            Err(refused) => refused.to_string(),
        };
        assert!(refused.contains(why), "{text}: {refused}");
    }
}

#[test]
fn where_a_condition_is_wrong_is_told_by_line_and_character() {
    let refused = Condition::parse("claims.a == 1 &&\nclaims.b = 2").unwrap_err();
    let NotACondition::Syntax { line, column, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!((line, column > 1), (2, true));
}

#[test]
fn loops_may_follow_each_other() {
    let text = r#"claims.groups.exists(g, g == "ops") && claims.groups.all(g, g != "root")"#;
    let condition: Condition = text.parse().unwrap();
    assert_eq!(condition.holds(&claims()), Ok(true));
}

#[test]
fn long_and_deep_texts_are_refused_without_being_read() {
    let long = format!("claims.a == \"{}\"", "x".repeat(LONGEST));
    assert_eq!(Condition::parse(&long).err(), Some(NotACondition::TooLong));
    for deep in [
        format!("{}true{}", "(".repeat(900), ")".repeat(900)),
        format!("{}true", "[".repeat(1_900)),
        format!("{}true", "true?true:".repeat(190)),
        format!("claims{} == 1", ".a".repeat(900)),
        format!("true{}", " == true".repeat(240)),
    ] {
        let refused = Condition::parse(&deep).err();
        assert_eq!(refused, Some(NotACondition::TooDeep), "{deep}");
    }
    // These do not nest.
    for wide in [
        format!("{}true", "!".repeat(1_900)),
        format!("true{}", " && true".repeat(240)),
        format!("true{}", " || true".repeat(240)),
    ] {
        assert!(Condition::parse(&wide).is_ok(), "{wide}");
    }
}

#[test]
fn claims_that_are_too_large_are_not_judged() {
    let condition: Condition = "claims.a.exists(x, x == 1)".parse().unwrap();
    let mut claims = Map::new();
    claims.insert("a".to_owned(), json!(vec![0; LARGEST_CLAIMS / 32]));
    assert_eq!(condition.holds(&claims), Ok(false));
    claims.insert("b".to_owned(), json!("x".repeat(LARGEST_CLAIMS)));
    assert_eq!(condition.holds(&claims), Err(NotJudged::TooLarge));
}

#[test]
fn the_dearest_condition_over_the_largest_claims_ends() {
    let one = r"claims.a.all(x, claims.t.contains(x) || x in claims.a)";
    let text = vec![one; 20].join(" && ");
    let condition: Condition = text.parse().unwrap();
    let mut claims = Map::new();
    claims.insert("a".to_owned(), json!(vec!["yy"; 500]));
    claims.insert("t".to_owned(), json!("y".repeat(6_000)));
    assert_eq!(condition.holds(&claims), Ok(true));

    // Each member of one list is looked for in the whole of another.
    let one = r"!claims.a.exists(x, x in claims.b)";
    let condition: Condition = vec![one; 20].join(" && ").parse().unwrap();
    claims.insert("a".to_owned(), json!(vec![0; 500]));
    claims.insert("b".to_owned(), json!(vec![1; 500]));
    claims.remove("t");
    assert_eq!(condition.holds(&claims), Ok(true));
}

#[test]
fn lists_of_very_many_small_values_are_too_large() {
    let condition: Condition = "size(claims.a) > 0".parse().unwrap();
    let mut claims = Map::new();
    claims.insert("a".to_owned(), json!(vec![0; 900]));
    assert_eq!(condition.holds(&claims), Ok(true));
    claims.insert("a".to_owned(), json!(vec![0; 1_100]));
    assert_eq!(condition.holds(&claims), Err(NotJudged::TooLarge));
}

#[test]
fn conditions_of_one_text_are_equal_and_show_it() {
    let (one, other): (Condition, Condition) = (
        "has(claims.a)".parse().unwrap(),
        "has(claims.a)".parse().unwrap(),
    );
    assert_eq!(one, other);
    assert_eq!(format!("{one:?}"), r#"Condition("has(claims.a)")"#);
    assert_eq!(one.text(), "has(claims.a)");
}
