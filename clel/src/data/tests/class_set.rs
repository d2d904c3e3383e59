use super::super::{ClassSet, Likeness};
use crate::config::Source;

fn set(source: Source, count: usize, names: Option<&[&str]>) -> ClassSet {
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    ClassSet {
        source: Some(source),
        set: source.name().to_owned(),
        count,
        names: names.map(owned),
    }
}

#[test]
fn classes_are_compared_by_their_names_or_by_the_set_that_numbers_them() {
    use Likeness::{Other, Same, Unknown};
    let digits = ClassSet::of_digits();
    let house_numbers = ClassSet {
        source: Some(Source::Svhn),
        ..ClassSet::of_digits()
    };
    let cats = set(Source::Images, 2, Some(&["cat", "dog"]));
    let numbers = set(Source::Safetensors, 10, None);
    let old = ClassSet {
        source: None,
        ..numbers.clone()
    };
    let elsewhere = ClassSet {
        set: "elsewhere".to_owned(),
        ..numbers.clone()
    };
    let fine = ClassSet::of_cifar(100);
    let unnamed = set(Source::Cifar100, 100, None);
    for (one, two, found) in [
        (&digits, &house_numbers, Same),
        (&digits, &ClassSet::of_cifar(10), Other),
        (&digits, &cats, Other),
        (&cats, &set(Source::Dtd, 2, Some(&["cat", "dog"])), Same),
        (&cats, &set(Source::Images, 2, Some(&["dog", "cat"])), Other),
        (&numbers, &numbers, Same),
        (&numbers, &elsewhere, Unknown),
        (&numbers, &digits, Unknown),
        (&old, &old, Unknown),
        (&old, &cats, Other),
        (&fine, &unnamed, Same),
        (&fine, &set(Source::Imagenet32, 100, None), Other),
    ] {
        assert_eq!(one.compared(two), found, "{one:?} {two:?}");
        assert_eq!(two.compared(one), found, "{two:?} {one:?}");
    }
}

#[test]
fn some_sets_cannot_have_the_classes_of_others() {
    let resnet = ClassSet::of_cifar(10);
    for (source, cannot) in [
        (Source::Cifar10, false),
        (Source::Svhn, true),
        (Source::Dtd, true),
        (Source::Images, false),
        (Source::Safetensors, false),
    ] {
        assert_eq!(resnet.cannot_be_of(source), cannot, "{source:?}");
    }
    assert!(!ClassSet::of_digits().cannot_be_of(Source::Mnist));
    assert!(!ClassSet::of_cifar(7).cannot_be_of(Source::Svhn));
}
