use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::cim::any_instance::any_value;
use crate::cim::mof::tests::{Memory, classes};
use crate::cim::mof::{Root, compile};
use crate::cim::schema::{Inheritance, inherit};
use crate::cim::{DateTime, InstancePath, Namespace};

#[test]
fn the_form() {
    let schema = classes(
        r#"[Version("1"), Description("a \"b\"\n")]
        class Base { [Key] string Id; string Text[3] = {"x", "y\\z"}; };
        class Leaf : Base {
            [Override("Text") : ToSubclass, Values{"p", "q"}, MaxLen(NULL)] string Text[3] = {"\x0001"};
            real32 R = 2;
            char16 C = '\'';
            [Description("d") : DisableOverride] uint8 Run([In(false), Out] Link REF L[], string S);
        };
        [Association] class Link { Base REF Of = "Base.Id=\"1\""; };"#,
    );
    let text = print(&schema);
    let (_, declared) = text.split_once("\n\n").unwrap();
    insta::assert_snapshot!(declared, @r#"
    [Version("1"), Description("a \"b\"\n")]
    class Base {
      [Key]
      string Id;
      string Text[3] = {"x", "y\\z"};
    };

    class Leaf : Base {
      [Override("Text") : ToSubclass, Values {"p", "q"}, MaxLen(NULL)]
      string Text[3] = {"\x0001"};
      real32 R = 2.0;
      char16 C = '\'';
      [Description("d") : DisableOverride]
      uint8 Run(
        [In(false), Out] Link REF L[],
        string S);
    };

    [Association]
    class Link {
      Base REF Of = "Base.Id=\"1\"";
    };
    "#);
}

/// A value of that type which MOF can write.
fn value(cim_type: CimType) -> BoxedStrategy<Value> {
    match cim_type {
        CimType::Real32 => proptest::num::f32::NORMAL.prop_map(Value::from).boxed(),
        CimType::Real64 => proptest::num::f64::NORMAL.prop_map(Value::from).boxed(),
        CimType::Char16 => any::<u16>().prop_map(Value::Char16).boxed(),
        CimType::String => any::<String>().prop_map(Value::from).boxed(),
        CimType::DateTime => any::<u32>()
            .prop_map(|secs| DateTime::from_duration(std::time::Duration::from_secs(secs.into())).into())
            .boxed(),
        CimType::Reference => any::<String>()
            .prop_map(|id| {
                InstancePath::new(Name::from_static("C0"))
                    .with_key("Id", id)
                    .into()
            })
            .boxed(),
        other => any_value(other),
    }
}

fn array_size() -> impl Strategy<Value = ArraySize> {
    prop_oneof![
        Just(ArraySize::Scalar),
        Just(ArraySize::Variable),
        (3_u32..9).prop_map(ArraySize::Fixed)
    ]
}

fn value_or_array(cim_type: CimType, array: ArraySize) -> BoxedStrategy<Value> {
    match array {
        ArraySize::Scalar => value(cim_type),
        _ => vec(value(cim_type), 0..3).prop_map(Value::Array).boxed(),
    }
}

/// Some of the qualifiers that fit any property.
fn qualifiers() -> BoxedStrategy<Vec<Qualifier>> {
    let values = [
        ("Description", CimType::String, ArraySize::Scalar, true),
        ("MaxLen", CimType::Uint32, ArraySize::Scalar, false),
        ("Values", CimType::String, ArraySize::Variable, true),
        ("EmbeddedObject", CimType::Boolean, ArraySize::Scalar, false),
    ];
    let each = values.map(|(name, cim_type, array, translatable)| {
        let value = proptest::option::of(value_or_array(cim_type, array));
        let flavor = (any::<bool>(), any::<bool>());
        let given = proptest::option::of((value, flavor));
        given.prop_map(move |given| {
            given.map(|(value, (overridable, to_subclass))| Qualifier {
                name: Name::from_static(name),
                cim_type,
                value: value.map(Arc::new),
                flavor: Flavor {
                    overridable,
                    to_subclass,
                    translatable,
                },
                propagated: false,
            })
        })
    });
    let [a, b, c, d] = each;
    (a, b, c, d)
        .prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect())
        .boxed()
}

fn type_decl() -> impl Strategy<Value = TypeDecl> {
    (0..CimType::ALL.len() - 1, array_size()).prop_map(|(ty, array)| TypeDecl {
        array,
        ..TypeDecl::scalar(CimType::ALL[ty])
    })
}

/// A property named after its class and place, so that it overrides nothing.
fn property(class: usize, at: usize) -> BoxedStrategy<Arc<PropertyDecl>> {
    type_decl()
        .prop_flat_map(move |ty| {
            let default = proptest::option::of(value_or_array(ty.cim_type, ty.array));
            (Just(ty), default, qualifiers()).prop_map(move |(ty, default, qualifiers)| {
                Arc::new(PropertyDecl {
                    name: Name::new(&format!("P{class}_{at}")),
                    ty,
                    default,
                    qualifiers,
                    class_origin: Name::new(&format!("C{class}")),
                    propagated: false,
                })
            })
        })
        .boxed()
}

fn method(class: usize, at: usize) -> BoxedStrategy<Arc<Method>> {
    let parameter = (type_decl(), qualifiers());
    (0..CimType::ALL.len() - 1, vec(parameter, 0..3), qualifiers())
        .prop_map(move |(return_type, parameters, qualifiers)| {
            let parameters = parameters.into_iter().enumerate();
            Arc::new(Method {
                name: Name::new(&format!("M{class}_{at}")),
                return_type: CimType::ALL[return_type],
                parameters: parameters
                    .map(|(at, (ty, qualifiers))| Parameter {
                        name: Name::new(&format!("a{at}")),
                        ty,
                        qualifiers,
                    })
                    .collect(),
                qualifiers,
                class_origin: Name::new(&format!("C{class}")),
                propagated: false,
            })
        })
        .boxed()
}

/// Classes of which each derives from an earlier one or from none.
fn hierarchy() -> BoxedStrategy<Vec<Class>> {
    let class = |at: usize| {
        let superclass = proptest::option::of(any::<prop::sample::Index>());
        let properties = [property(at, 0), property(at, 1)];
        (superclass, properties, method(at, 0))
            .prop_map(move |(superclass, properties, method)| Class {
                name: Name::new(&format!("C{at}")),
                superclass: superclass
                    .filter(|_| at > 0)
                    .map(|earlier| Name::new(&format!("C{}", earlier.index(at)))),
                qualifiers: Vec::new(),
                properties: properties.into(),
                methods: vec![method],
            })
            .boxed()
    };
    [class(0), class(1), class(2), class(3)]
        .prop_map(Vec::from)
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_printed_reads_back(declared in hierarchy()) {
        let types = Arc::clone(classes("").qualifier_types());
        let mut resolved: Vec<Arc<Class>> = Vec::new();
        for class in declared {
            let superclass = resolved.iter().find(|known| Some(&known.name) == class.superclass.as_ref());
            let class = match superclass {
                Some(superclass) => inherit(class, &Inheritance::of(superclass)),
                None => class,
            };
            resolved.push(Arc::new(class));
        }
        let name = Namespace::from_static("root/test");
        let schema = NamespaceSchema::new(name.clone(), resolved, types);
        let text = print(&schema);
        let root = Root { file: "printed", namespace: name.clone() };
        let compiled = compile(&[root], &Memory(&[("printed", &text)]));
        let compiled = compiled.map_err(|errors| TestCaseError::fail(format!("{errors}\n{text}")))?;
        let back = compiled.schema.namespace(&name).unwrap();
        prop_assert_eq!(back.qualifier_types(), schema.qualifier_types());
        let pairs = back.classes().zip(schema.classes());
        for (back, class) in pairs {
            prop_assert_eq!(back, class, "{}", text);
        }
        prop_assert_eq!(back.classes().count(), schema.classes().count());
    }
}
