//! The XML reader and writer.

use esm::xml::{Limits, Reader, XmlError, decode};

/// A document that is read and written is stable from the second time on: the first writing spells character
/// references out, which reading then takes for the white space that they are.
pub fn xml(data: &[u8]) {
    let Ok((text, encoding)) = decode(data, None) else {
        return;
    };
    encoding.encode(text.clone().into_owned());
    let Ok(once) = rewrite(&text) else {
        return;
    };
    let Ok(twice) = rewrite(&once) else {
        return;
    };
    assert_eq!(rewrite(&twice).as_ref(), Ok(&twice));
}

fn rewrite(text: &str) -> Result<String, XmlError> {
    let mut reader = Reader::new(text, Limits::default())?;
    let root = reader.root()?;
    let captured = reader.capture(&root, 256 * 1024)?;
    reader.finish()?;
    Ok(captured)
}
