//! Classes with their members, and qualifier lists.

use super::super::ast::{
    ClassDecl, FlavorWords, Ident, Item, MethodNode, ParameterNode, PropertyNode, QualifierUse, TypeNode,
};
use super::super::error::Problem;
use super::super::lexer::Token;
use super::{Parse, Parser, intrinsic_type, shortened};
use crate::cim::{ArraySize, CimType};

impl Parser<'_, '_> {
    /// `[qualifiers] class ...` or `[qualifiers] instance of ...`.
    pub(super) fn class_or_instance(&mut self) -> Parse<Item> {
        let qualified = self.is_sign('[');
        let qualifiers = self.qualifiers()?;
        if self.accept_keyword("class")? {
            return Ok(Item::Class(self.class(qualifiers)?));
        }
        if self.is_keyword("instance") {
            let instance = self.instance(qualifiers)?;
            self.expect(';', "`;` after the instance")?;
            return Ok(Item::Instance(instance));
        }
        self.expected(if qualified {
            "`class` or `instance of`"
        } else {
            "`class`, `instance of`, `Qualifier`, `#pragma` or a qualifier list `[...]`"
        })
    }

    fn class(&mut self, qualifiers: Vec<QualifierUse>) -> Parse<ClassDecl> {
        let name = self.ident("the name of the class")?;
        let alias = self.alias()?;
        let superclass = if self.accept(':')? {
            Some(self.ident("the name of the superclass")?)
        } else {
            None
        };
        let mut class = ClassDecl {
            name,
            alias,
            superclass,
            qualifiers,
            properties: Vec::new(),
            methods: Vec::new(),
        };
        self.expect('{', "`{`, `:` and a superclass, or `as` and an alias")?;
        while !self.accept('}')? {
            self.member(&mut class)?;
        }
        class.properties.shrink_to_fit();
        class.methods.shrink_to_fit();
        self.expect(';', "`;` after the class")?;
        Ok(class)
    }

    /// A property, a reference or a method.
    fn member(&mut self, class: &mut ClassDecl) -> Parse<()> {
        let qualifiers = self.qualifiers()?;
        let (cim_type, reference_class) = self.type_name("a property, a method or `}`")?;
        let name = self.ident("the name of the property or method")?;
        if self.is_sign('(') && reference_class.is_none() {
            let parameters = self.parameters()?;
            self.expect(';', "`;` after the method")?;
            class.methods.push(MethodNode {
                name,
                return_type: cim_type,
                parameters,
                qualifiers,
            });
            return Ok(());
        }
        let array = self.array_size()?;
        let default = if self.accept('=')? {
            Some(self.value()?)
        } else {
            None
        };
        self.expect(
            ';',
            match (&default, array) {
                (Some(_), _) => "`;` after the property",
                (None, ArraySize::Scalar) => "`;`, `=`, `[` or `(`",
                (None, _) => "`;` or `=`",
            },
        )?;
        class.properties.push(PropertyNode {
            name,
            ty: TypeNode {
                cim_type,
                array,
                reference_class,
            },
            default,
            qualifiers,
        });
        Ok(())
    }

    fn parameters(&mut self) -> Parse<Vec<ParameterNode>> {
        self.expect('(', "`(`")?;
        let mut parameters = Vec::new();
        if self.accept(')')? {
            return Ok(parameters);
        }
        loop {
            let qualifiers = self.qualifiers()?;
            let (cim_type, reference_class) = self.type_name("a parameter")?;
            let name = self.ident("the name of the parameter")?;
            let array = self.array_size()?;
            parameters.push(ParameterNode {
                name,
                ty: TypeNode {
                    cim_type,
                    array,
                    reference_class,
                },
                qualifiers,
            });
            if !self.accept(',')? {
                break;
            }
        }
        self.expect(')', "`,` or `)`")?;
        parameters.shrink_to_fit();
        Ok(parameters)
    }

    /// An intrinsic type, or `Class REF`.
    fn type_name(&mut self, wanted: &'static str) -> Parse<(CimType, Option<Ident>)> {
        if let Token::Word(word) = self.token
            && let Some(cim_type) = intrinsic_type(word)
        {
            self.advance()?;
            return Ok((cim_type, None));
        }
        let class = self.ident(wanted)?;
        if !self.accept_keyword("ref")? {
            return self.expected(
                "`REF`: what stands before it is no intrinsic type, so it is the class of a reference",
            );
        }
        Ok((CimType::Reference, Some(class)))
    }

    /// `as $Alias` or nothing.
    pub(super) fn alias(&mut self) -> Parse<Option<Ident>> {
        if !self.accept_keyword("as")? {
            return Ok(None);
        }
        let Token::Alias(alias) = self.token else {
            return self.expected("an alias, as `$Name`");
        };
        let ident = Ident {
            name: self.names.intern(alias),
            at: self.here(),
        };
        self.advance()?;
        Ok(Some(ident))
    }

    /// `[A, B(1), C{"x", "y"} : ToSubclass]` or nothing.
    pub(super) fn qualifiers(&mut self) -> Parse<Vec<QualifierUse>> {
        let mut qualifiers = Vec::new();
        if !self.accept('[')? {
            return Ok(qualifiers);
        }
        loop {
            qualifiers.push(self.qualifier()?);
            if !self.accept(',')? {
                break;
            }
        }
        self.expect(']', "`,` or `]`")?;
        qualifiers.shrink_to_fit();
        Ok(qualifiers)
    }

    fn qualifier(&mut self) -> Parse<QualifierUse> {
        let name = self.ident("the name of a qualifier")?;
        let value = if self.is_sign('{') {
            Some(self.value()?)
        } else if self.accept('(')? {
            let value = self.value()?;
            self.expect(')', "`)`")?;
            Some(value)
        } else {
            None
        };
        let flavor = if self.accept(':')? {
            self.flavors_of_use()?
        } else {
            FlavorWords::default()
        };
        Ok(QualifierUse { name, value, flavor })
    }

    /// Flavors after the `:` of a qualifier: blanks are between them.
    fn flavors_of_use(&mut self) -> Parse<FlavorWords> {
        let mut flavor = FlavorWords::default();
        self.flavor(&mut flavor)?;
        while matches!(self.token, Token::Word(_)) {
            self.flavor(&mut flavor)?;
        }
        Ok(flavor)
    }

    /// `(A, B)` after `Flavor`.
    pub(super) fn flavors_of_type(&mut self) -> Parse<FlavorWords> {
        self.expect('(', "`(`")?;
        let mut flavor = FlavorWords::default();
        self.flavor(&mut flavor)?;
        while self.accept(',')? {
            self.flavor(&mut flavor)?;
        }
        self.expect(')', "`,` or `)`")?;
        Ok(flavor)
    }

    fn flavor(&mut self, flavor: &mut FlavorWords) -> Parse<()> {
        let offset = self.offset;
        let word = self.word("a flavor: EnableOverride, DisableOverride, ToSubclass ...")?;
        match word.to_ascii_lowercase().as_str() {
            "enableoverride" => flavor.overridable = Some(true),
            "disableoverride" => flavor.overridable = Some(false),
            "tosubclass" => flavor.to_subclass = Some(true),
            "restricted" => flavor.to_subclass = Some(false),
            "translatable" => flavor.translatable = Some(true),
            // Of an older standard: instances have no qualifiers of their own any more.
            "toinstance" => {}
            _ => return Err((offset, Problem::UnknownFlavor(shortened(word)))),
        }
        Ok(())
    }
}
