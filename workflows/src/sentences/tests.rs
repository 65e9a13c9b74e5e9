//! Every sentence in both languages, fit for people, and all of them on one page for review.

use std::fmt::Write;

use super::{
    Sentence, customer,
    customer::Message,
    filled, support,
    support::{Next, WhyNot},
};
use crate::domain::{Attention, End, Evidence, FailureReason, ReceivedAttention, ReceivedState, Refusal, State};

const PAGE: &str = include_str!("../../../docs/sentences.md");

/// A part of the catalogue: its heading, and each word with its sentence.
struct Part {
    heading: &'static str,
    lines: Vec<(&'static str, Sentence)>,
}

/// What the customer may be told; each list is built from the whole dictionary of its kind.
fn to_customers() -> Vec<Part> {
    let all = [
        part("Where the payment stands", Message::ALL, |word| {
            (word.word(), word.sentence())
        }),
        part("Why it failed or came back", FailureReason::ALL, |word| {
            (word.word(), customer::reason(word))
        }),
        part("Why a request was refused", Refusal::ALL, |word| {
            (word.word(), customer::refusal(word))
        }),
        part("Why it cannot be taken back", &[()], |()| {
            ("too_late", customer::too_late())
        }),
    ];
    all.into()
}

fn to_support() -> Vec<Part> {
    let all = [
        part("Where the money is", State::ALL, |word| {
            (word.word(), support::money(word))
        }),
        part("Where the money is, at the end", End::ALL, |word| {
            (word.word(), support::end(word))
        }),
        part("Why a person should look", Attention::ALL, |word| {
            (word.word(), support::attention(word))
        }),
        part("Where money that came in is", ReceivedState::ALL, |word| {
            (word.word(), support::arrived(word))
        }),
        part(
            "Why a person should look at money that came in",
            ReceivedAttention::ALL,
            |word| (word.word(), support::received_attention(word)),
        ),
        part("What proves the outcome", Evidence::ALL, |word| {
            (word.word(), support::evidence(word))
        }),
        part("Why it failed or came back", FailureReason::ALL, |word| {
            (word.word(), support::reason(word))
        }),
        part("Why a request was refused", Refusal::ALL, |word| {
            (word.word(), support::refusal(word))
        }),
        part("What happens next", Next::ALL, |word| (word.word(), word.sentence())),
        part("Why something may not be done", WhyNot::ALL, |word| {
            (word.word(), word.sentence())
        }),
    ];
    all.into()
}

fn part<T: Copy>(heading: &'static str, all: &[T], line: impl Fn(T) -> (&'static str, Sentence)) -> Part {
    let lines = all.iter().map(|word| line(*word)).collect();
    Part { heading, lines }
}

fn all() -> Vec<(&'static str, Sentence)> {
    let parts = to_customers().into_iter().chain(to_support());
    parts.flat_map(|part| part.lines).collect()
}

/// Which message a customer gets: one row per state, one column per doubt or attention.
fn which() -> String {
    let mut table = String::from("| state | nothing | doubt |");
    for attention in Attention::ALL {
        let _ = write!(table, " `{attention}` |");
    }
    table.push_str("\n|");
    table.push_str(&" --- |".repeat(Attention::ALL.len() + 3));
    for state in State::ALL {
        let plain = [Message::of(*state, false, None), Message::of(*state, true, None)];
        let told = Attention::ALL
            .iter()
            .map(|attention| Message::of(*state, false, Some(*attention)));
        let _ = write!(table, "\n| `{state}` |");
        for message in plain.into_iter().chain(told) {
            let _ = write!(table, " {message} |");
        }
    }
    table.push('\n');
    table
}

fn page() -> String {
    let mut page = String::from(
        "# Sentences for people\n\n\
         Every sentence that giro has for people, as `workflows/src/sentences/` says it; a test keeps this page equal. A\n\
         caller may show the customer's as they are: they promise nothing that is not proven, and name no bank's insides.\n\n\
         # To the customer\n\n\
         In the API: `customer` of a payout, `reason.customer` of one that failed or came back, `customer` of a refusal.\n\n\
         ## Which one\n\n\
         By the payout's state, and what stands beside it. Where `reviewing` is told, no reason is; of a payout of\n\
         which less came back than was paid, `returned` is told as `returned_in_part`.\n\n",
    );
    page.push_str(&which());
    let write = |page: &mut String, parts: Vec<Part>| {
        for Part { heading, lines } in parts {
            let _ = write!(page, "\n## {heading}\n\n| word | es-MX | en |\n| --- | --- | --- |\n");
            for (word, Sentence { es_mx, en }) in lines {
                let _ = writeln!(page, "| `{word}` | {es_mx} | {en} |");
            }
        }
    };
    write(&mut page, to_customers());
    page.push_str("\n# To support\n\nThe English ones are also what a run shows in the Temporal UI.\n");
    write(&mut page, to_support());
    page
}

#[test]
fn the_page_shows_every_sentence() {
    if page() != PAGE {
        let new = std::env::temp_dir().join("sentences.md");
        std::fs::write(&new, page()).expect("writes");
        panic!(
            "docs/sentences.md is not what the code says: read {} and put it there",
            new.display()
        );
    }
}

#[test]
fn every_sentence_is_there_in_both_languages_and_short() {
    for (word, Sentence { es_mx, en }) in all() {
        for text in [es_mx, en] {
            assert!((5..=200).contains(&text.chars().count()), "{word}: {text}");
            assert!(
                text.trim() == text && !text.contains(['|', '\n']) && !text.contains("  "),
                "{word}: {text}"
            );
        }
        assert_ne!(es_mx, en, "{word}");
        let braces = |text: &str| ["{seconds}", "{times}"].map(|name| text.contains(name));
        assert_eq!(braces(es_mx), braces(en), "{word}");
    }
}

#[test]
fn a_customers_sentence_is_plain_and_whole() {
    for (word, Sentence { es_mx, en }) in to_customers().into_iter().flat_map(|part| part.lines) {
        for text in [es_mx, en] {
            assert!(
                text.starts_with(char::is_uppercase) && text.ends_with('.'),
                "{word}: {text}"
            );
            for inside in [
                "STP", "SPEI", "giro", "Temporal", "API", "orden ", "order ", "evidenc", "clave", "`", "{",
            ] {
                assert!(!text.contains(inside), "{word} says {inside:?}: {text}");
            }
        }
        // The reader is addressed as usted.
        for familiar in [" tu ", " tus ", " te ", " ti ", "Tu "] {
            assert!(!es_mx.contains(familiar), "{word}: {es_mx}");
        }
    }
}

/// What is not over yet, or in question again, is told as neither paid nor given back.
#[test]
fn nothing_is_promised_before_it_is_proven() {
    let ends = [
        Message::Settled,
        Message::Failed,
        Message::Cancelled,
        Message::Returned,
        Message::ReturnedInPart,
    ];
    for state in State::ALL {
        for attention in Attention::ALL.iter().copied().map(Some).chain([None]) {
            for doubt in [false, true] {
                let message = Message::of(*state, doubt, attention);
                if state.is_open() {
                    assert!(!ends.contains(&message), "{state} {attention:?}: {message}");
                }
                if ends.contains(&message) {
                    assert_eq!(message.word(), state.word());
                    assert_eq!(message.of_a_part() != message, *state == State::Returned);
                }
            }
        }
    }
    for attention in [
        Attention::PaidAfterRelease,
        Attention::EvidenceAfterEnd,
        Attention::Contradiction,
        Attention::SecondOrder,
    ] {
        let message = Message::of(State::Failed, false, Some(attention));
        assert_eq!(message, Message::Reviewing, "{attention}");
    }
    assert_eq!(Message::of(State::Sending, true, None), Message::Checking);
}

#[test]
fn spanish_has_its_accents() {
    // Without their accent these are misspelt, or another word than this catalogue means.
    const BARE: &[&str] = &[
        "ahi",
        "alcanzo",
        "algun",
        "asi",
        "aun",
        "autorizo",
        "averigue",
        "cancelo",
        "catalogo",
        "codigo",
        "comision",
        "comuniquese",
        "consultelo",
        "corrijala",
        "cual",
        "despues",
        "devolvio",
        "dia",
        "digito",
        "digitos",
        "envia",
        "envio",
        "estan",
        "ingenieria",
        "intentelo",
        "indico",
        "limite",
        "llego",
        "mas",
        "ningun",
        "numero",
        "ordenes",
        "preguntele",
        "prohibe",
        "procesandolo",
        "proceso",
        "razon",
        "realizo",
        "recibio",
        "reconocio",
        "registrela",
        "regreso",
        "respondio",
        "salio",
        "segun",
        "tambien",
        "termino",
        "tomo",
        "unica",
        "uso",
        "verificandolo",
        "verifiquela",
    ];
    // "esta" is "está" unless it points at one of these.
    const POINTED_AT: &[&str] = &["clave", "cuenta", "orden"];
    for (word, Sentence { es_mx, .. }) in all() {
        let lower = es_mx.to_lowercase();
        let words: Vec<&str> = lower.split(|letter: char| !letter.is_alphabetic()).collect();
        for (bare, next) in words.iter().zip(words.iter().skip(1).chain([&""])) {
            let misspelt = bare.ends_with("cion") || bare.ends_with("sion") || BARE.contains(bare);
            let is_verb = *bare == "esta" && !POINTED_AT.contains(next);
            assert!(!misspelt && !is_verb, "{word}: {bare:?} in {es_mx}");
        }
        let known = |letter: char| letter.is_ascii() || "áéíóúüñÁÉÍÓÚÑ¿¡".contains(letter);
        assert!(es_mx.chars().all(known), "{word}: {es_mx}");
    }
}

#[test]
fn a_text_is_filled_in_by_name() {
    let text = filled(WhyNot::TooEarly.sentence().en, &[("times", &1), ("seconds", &90)]);
    assert_eq!(
        text,
        "not sent again before the bank has twice not known it (1 so far), from 90 s after the send; giro keeps asking"
    );
}
