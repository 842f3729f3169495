//! Lengths that a file says and that cannot be: of a recording that was interrupted, or of what was cut off.

use std::io::{self, Read, Seek, SeekFrom};

/// A place in a file, and what is to be read there.
pub(super) type Correction = (u64, [u8; 4]);

/// What is to be corrected in a wav or MP4 file of `length` bytes, so that it is read to its end.
pub(super) fn corrections(file: &mut (impl Read + Seek), length: u64) -> io::Result<Vec<Correction>> {
    let first = window(file, 0)?;
    if &first[..4] == b"RIFF" && &first[8..12] == b"WAVE" {
        wave(file, length, matches!(u32::from_le_bytes(word(&first, 4)), 0 | u32::MAX))
    } else if &first[4..8] == b"ftyp" {
        movie(file, length)
    } else {
        Ok(Vec::new())
    }
}

/// Of the chunk of samples, and of the whole, which is of no use beside it. A chunk of length 0 is one in a file that does not
/// know its length (`is_open`).
fn wave(file: &mut (impl Read + Seek), length: u64, is_open: bool) -> io::Result<Vec<Correction>> {
    const HEADER: u64 = 8;
    let whole = (4, [0xff; 4]);
    let mut place = 12;
    while place + HEADER <= length {
        let chunk = window(file, place)?;
        let rest = length - place - HEADER;
        let size = u64::from(u32::from_le_bytes(word(&chunk, 4)));
        if &chunk[..4] == b"data" {
            if size <= rest && !(size == 0 && is_open) {
                return Ok(vec![whole]);
            }
            return Ok(vec![whole, (place + 4, u32::try_from(rest).unwrap_or(u32::MAX).to_le_bytes())]);
        }
        place += HEADER + size.next_multiple_of(2);
    }
    Ok(vec![whole])
}

/// Of the atom that reaches over the end.
fn movie(file: &mut (impl Read + Seek), length: u64) -> io::Result<Vec<Correction>> {
    const HEADER: u64 = 8;
    let mut place = 0;
    while place + HEADER <= length {
        let atom = window(file, place)?;
        let rest = length - place;
        let (size, is_long) = match u32::from_be_bytes(word(&atom, 0)) {
            // To the end of the file.
            0 => break,
            1 => (u64::from_be_bytes(atom[8..].try_into().expect("eight bytes")), true),
            size => (u64::from(size), false),
        };
        if size > rest {
            let [high, low] = [(rest >> 32) as u32, rest as u32].map(u32::to_be_bytes);
            return Ok(if is_long { vec![(place + 8, high), (place + 12, low)] } else { vec![(place, low)] });
        }
        place += size.max(HEADER);
    }
    Ok(Vec::new())
}

/// The 16 bytes at `place`, zeros where there are fewer.
fn window(file: &mut (impl Read + Seek), place: u64) -> io::Result<[u8; 16]> {
    let mut bytes = Vec::with_capacity(16);
    file.seek(SeekFrom::Start(place))?;
    file.take(16).read_to_end(&mut bytes)?;
    bytes.resize(16, 0);
    Ok(bytes.try_into().expect("it was just resized"))
}

fn word(bytes: &[u8; 16], place: usize) -> [u8; 4] {
    bytes[place..place + 4].try_into().expect("four bytes")
}

#[cfg(test)]
mod tests {
    use super::corrections;
    use std::io::Cursor;

    fn of(bytes: &[u8]) -> Vec<(u64, [u8; 4])> {
        corrections(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    fn atom(size: u32, name: &[u8; 4], content: usize) -> Vec<u8> {
        [&size.to_be_bytes()[..], name, &vec![0; content]].concat()
    }

    #[test]
    fn the_last_atom_of_a_movie_ends_with_the_file() {
        let [start, index] = [atom(16, b"ftyp", 8), atom(20, b"moov", 12)];
        assert_eq!(of(&[&start[..], &index, &atom(108, b"mdat", 100)].concat()), []);
        assert_eq!(of(&[&start[..], &index, &atom(0, b"mdat", 100)].concat()), []);
        assert_eq!(of(&[&start[..], &index, &atom(5000, b"mdat", 100)].concat()), [(36, [0, 0, 0, 108])]);
        let mut long = atom(1, b"mdat", 100);
        long[8..16].copy_from_slice(&u64::MAX.to_be_bytes());
        assert_eq!(of(&[&start[..], &long].concat()), [(24, [0; 4]), (28, [0, 0, 0, 108])]);
        // What is no size is passed over.
        assert_eq!(of(&[&start[..], &atom(3, b"what", 0), &atom(99, b"mdat", 2)].concat()), [(24, [0, 0, 0, 10])]);
    }

    #[test]
    fn other_files_have_none() {
        assert_eq!(of(b""), []);
        assert_eq!(of(b"RIFF"), []);
        assert_eq!(of(&[0; 100]), []);
        assert_eq!(of(b"fLaC and what follows"), []);
    }
}
