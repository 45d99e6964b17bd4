//! What an expression may hold.

use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators as op};

use crate::{CLAIMS, DEEPEST, NotACondition};

/// Functions and operators whose result is no larger than what they are given. There is no `+`, which
/// joins texts, no `matches`, and no `map` or `filter`, which build lists.
const FUNCTIONS: [&str; 16] = [
    op::EQUALS,
    op::NOT_EQUALS,
    op::LESS,
    op::LESS_EQUALS,
    op::GREATER,
    op::GREATER_EQUALS,
    op::LOGICAL_AND,
    op::LOGICAL_OR,
    op::LOGICAL_NOT,
    op::CONDITIONAL,
    op::INDEX,
    op::IN,
    "size",
    "contains",
    "startsWith",
    "endsWith",
];

/// Whether an expression keeps to the bounds of conditions, and could be true or false.
pub(crate) fn check(expression: &IdedExpr) -> Result<(), NotACondition> {
    let is_never_a_bool = match &expression.expr {
        Expr::Literal(literal) => !matches!(literal, LiteralValue::Boolean(_)),
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => true,
        Expr::Ident(name) => name == CLAIMS,
        Expr::Call(call) => call.func_name == "size",
        _ => false,
    };
    if is_never_a_bool {
        return Err(NotACondition::NotABool);
    }
    Check {
        names: Vec::new(),
        depth: 0,
    }
    .visit(expression)
}

struct Check<'e> {
    /// What a loop calls its element and its result.
    names: Vec<&'e str>,
    depth: u16,
}

impl<'e> Check<'e> {
    fn visit(&mut self, node: &'e IdedExpr) -> Result<(), NotACondition> {
        if self.depth == DEEPEST {
            return Err(NotACondition::TooDeep);
        }
        self.depth += 1;
        self.node(node)?;
        self.depth -= 1;
        Ok(())
    }

    fn node(&mut self, node: &'e IdedExpr) -> Result<(), NotACondition> {
        match &node.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.visit(&select.operand),
            Expr::List(list) => list.elements.iter().try_for_each(|one| self.visit(one)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key)?;
                    self.visit(&entry.value)
                }
                EntryExpr::StructField(field) => self.visit(&field.value),
            }),
            Expr::Struct(of) => Err(NotACondition::UnknownFunction(shown(&of.type_name))),
            Expr::Call(call) => {
                if !FUNCTIONS.contains(&call.func_name.as_str()) {
                    return Err(NotACondition::UnknownFunction(shown(&call.func_name)));
                }
                if let Some(target) = &call.target {
                    self.visit(target)?;
                }
                call.args.iter().try_for_each(|one| self.visit(one))
            }
            Expr::Comprehension(looped) => self.comprehension(looped),
        }
    }

    /// `all` and `exists`. What they are made of joins no lists, so that the other loops are told by
    /// that they do.
    fn comprehension(&mut self, looped: &'e ComprehensionExpr) -> Result<(), NotACondition> {
        self.visit(&looped.iter_range)?;
        if !self.names.is_empty() {
            return Err(NotACondition::NestedLoop);
        }
        self.names = vec![&looped.iter_var, &looped.accu_var];
        self.names.extend(looped.iter_var2.as_deref());
        self.visit(&looped.accu_init)?;
        // `@not_strictly_false(…)`, which the language writes around the loop's result.
        if let Expr::Call(call) = &looped.loop_cond.expr
            && call.func_name == op::NOT_STRICTLY_FALSE
        {
            call.args.iter().try_for_each(|one| self.visit(one))?;
        } else {
            self.visit(&looped.loop_cond)?;
        }
        self.visit(&looped.loop_step)?;
        self.visit(&looped.result)?;
        self.names.clear();
        Ok(())
    }

    fn name(&self, name: &str) -> Result<(), NotACondition> {
        if name == CLAIMS || self.names.contains(&name) {
            Ok(())
        } else {
            Err(NotACondition::UnknownVariable(shown(name)))
        }
    }
}

/// An operator as it is written, and a name cut short.
fn shown(function: &str) -> String {
    let written = function.trim_matches(['_', '@']);
    written.chars().take(64).collect()
}
