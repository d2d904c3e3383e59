//! Pictures out of what a terminal was sent.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{Rgba, RgbaImage};

use super::terminal::find;

/// The pictures that came by kitty's protocol, each once it is whole.
pub fn of_kitty(bytes: &[u8]) -> Vec<RgbaImage> {
    let mut pictures = Vec::new();
    let mut data = String::new();
    let mut size = (None, None);
    let mut left = bytes;
    while let Some(at) = find(left, b"\x1b_Gq=2,") {
        left = &left[at + 3..];
        let Some(end) = find(left, b"\x1b\\") else {
            break;
        };
        let text = std::str::from_utf8(&left[..end]).unwrap();
        let (keys, part) = text.split_once(';').unwrap();
        let key = |name: &str| {
            let keys = keys.split(',').map(|key| key.split_once('=').unwrap());
            keys.filter(|key| key.0 == name).map(|key| key.1).next()
        };
        if let Some(action) = key("a") {
            // sent and shown by characters that stand for it, four bytes a pixel, compressed
            let told = [key("U"), key("f"), key("t"), key("o")];
            assert_eq!((action, told), ("T", ["1", "32", "d", "z"].map(Some)));
            size = (key("s"), key("v"));
            data.clear();
        }
        data.push_str(part);
        if key("m") == Some("0") {
            let mut pixels = Vec::new();
            let packed = STANDARD.decode(&data).unwrap();
            flate2::read::ZlibDecoder::new(&packed[..])
                .read_to_end(&mut pixels)
                .unwrap();
            let [w, h] = [size.0, size.1].map(|side| side.unwrap().parse().unwrap());
            pictures.push(RgbaImage::from_raw(w, h, pixels).expect("all pixels"));
        }
    }
    pictures
}

/// The pictures that came as sixels (DEC's manual of the VT330, chapter 14), each once it is whole.
pub fn of_sixels(bytes: &[u8]) -> Vec<RgbaImage> {
    let mut pictures = Vec::new();
    let mut left = bytes;
    while let Some(at) = find(left, b"\x1bP") {
        left = &left[at + 2..];
        let Some(end) = find(left, b"\x1b\\") else {
            break;
        };
        let start = 1 + left.iter().position(|b| *b == b'q').unwrap();
        pictures.push(sixels(&left[start..end]));
    }
    pictures
}

fn sixels(mut data: &[u8]) -> RgbaImage {
    let mut picture = RgbaImage::new(0, 0);
    let mut palette = [Rgba([0; 4]); 256];
    let (mut colour, mut x, mut y) = (0, 0, 0);
    while let [first, rest @ ..] = data {
        data = rest;
        match first {
            // the picture's size follows the shape of its pixels
            b'"' => {
                let all = numbers(&mut data);
                picture = RgbaImage::new(all[2], all[3]);
            }
            b'#' => match numbers(&mut data)[..] {
                [index] => colour = index as usize,
                [index, 2, r, g, b] => {
                    let [r, g, b] = [r, g, b].map(|percent| (percent * 255 + 50) / 100);
                    palette[index as usize] = Rgba([r as u8, g as u8, b as u8, 255]);
                    colour = index as usize;
                }
                ref other => panic!("a colour: {other:?}"),
            },
            b'$' => x = 0,
            b'-' => (x, y) = (0, y + 6),
            b'!' => {
                let count = numbers(&mut data)[0];
                let six = data[0] - 63;
                data = &data[1..];
                for _ in 0..count {
                    column(&mut picture, x, y, six, palette[colour]);
                    x += 1;
                }
            }
            six @ 63..=126 => {
                column(&mut picture, x, y, six - 63, palette[colour]);
                x += 1;
            }
            other => panic!("{other} among sixels"),
        }
    }
    picture
}

/// Numbers up to something else.
fn numbers(data: &mut &[u8]) -> Vec<u32> {
    let part = |b: &u8| b.is_ascii_digit() || *b == b';';
    let length = data.iter().take_while(|b| part(b)).count();
    let text = std::str::from_utf8(&data[..length]).unwrap();
    *data = &data[length..];
    text.split(';').map(|n| n.parse().unwrap()).collect()
}

/// Six pixels, one below the other, the first in the lowest bit.
fn column(picture: &mut RgbaImage, x: u32, y: u32, six: u8, colour: Rgba<u8>) {
    for i in 0..6 {
        if six & 1 << i != 0 {
            picture.put_pixel(x, y + i, colour);
        }
    }
}
