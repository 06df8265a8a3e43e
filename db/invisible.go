package db

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	zwnj = '\u200c' // zero width non-joiner
	zwj  = '\u200d' // zero width joiner
	mvs  = '\u180e' // Mongolian vowel separator
)

// joiningScripts are the scripts whose letters change their shape beside a joiner.
// These are the scripts with Joining_Type=Dual_Joining (Unicode Standard section 9.2).
var joiningScripts = []*unicode.RangeTable{
	unicode.Adlam, unicode.Arabic, unicode.Chorasmian, unicode.Hanifi_Rohingya, unicode.Mandaic, unicode.Manichaean,
	unicode.Mongolian, unicode.Nko, unicode.Old_Uyghur, unicode.Phags_Pa, unicode.Psalter_Pahlavi, unicode.Sogdian, unicode.Syriac,
}

// subdivisionFlag matches an emoji tag sequence (UTS #51, ED-14a). Such a sequence is
// the flag of a part of a country, such as Scotland. It always begins with the black
// flag.
var subdivisionFlag = regexp.MustCompile(`\x{1f3f4}[\x{e0030}-\x{e0039}\x{e0061}-\x{e007a}]{4,6}\x{e007f}`)

// dropInvisible returns `name` without invisible characters. Two names that differ only
// in an invisible character look the same. A joiner, a vowel separator or a tag is not
// removed if the spelling of a word or an emoji needs this character.
func dropInvisible(name string) string {
	name = strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, name)
	if strings.IndexFunc(name, conditional) < 0 {
		return name
	}
	name = dropTags(name)
	runes := []rune(name)
	kept := runes[:0] // uses the array of runes: kept is never longer than the part that was read
	for i, r := range runes {
		var before, after rune
		if len(kept) > 0 {
			before = kept[len(kept)-1]
		}
		if i+1 < len(runes) {
			after = runes[i+1]
		}
		if !isJoiner(r) || joins(before, r, after) {
			kept = append(kept, r)
		}
	}
	return string(kept)
}

// firstDropped returns the first character of `name` that dropInvisible removed.
// `visible` is the result of dropInvisible for `name`.
func firstDropped(name, visible string) rune {
	rest := []rune(visible)
	for i, r := range []rune(name) {
		if i >= len(rest) || rest[i] != r {
			return r
		}
	}
	return 0
}

// dropTags returns `name` without the tags that are outside a flag. Outside a flag, a
// tag is an invisible character.
func dropTags(name string) string {
	var b strings.Builder
	drop := func(s string) {
		b.WriteString(strings.Map(func(r rune) rune {
			if isTag(r) {
				return -1
			}
			return r
		}, s))
	}
	end := 0
	for _, flag := range subdivisionFlag.FindAllStringIndex(name, -1) {
		drop(name[end:flag[0]])
		b.WriteString(name[flag[0]:flag[1]])
		end = flag[1]
	}
	drop(name[end:])
	return b.String()
}

// joins reports whether the joiner r can change how a name looks. `before` and `after`
// are the characters beside r. They are 0 if r is at the start or the end of the name.
//
// The rules are those of UAX #31 section 2.3 (A1, A2 and B), but less strict. A joiner
// changes how a name looks if it is beside a letter of a joining script. It also does
// so beside a virama, a sign that joins consonants in the scripts of India. In
// addition, a zero width joiner makes one emoji from several emoji (UTS #51, ED-16).
func joins(before, r, after rune) bool {
	shaped := func(r rune) bool { return unicode.In(r, joiningScripts...) || virama(r) }
	switch r {
	case zwnj: // must be between two characters of a word
		return inWord(before) && inWord(after) && (shaped(before) || shaped(after))
	case mvs:
		return unicode.Is(unicode.Mongolian, before) && unicode.Is(unicode.Mongolian, after)
	}
	// A zero width joiner can also be the last character of a word. There it gives an
	// Arabic letter its initial form, or makes a Malayalam chillu.
	return inWord(before) && (shaped(before) || shaped(after) && inWord(after)) || emojiEnd(before) && emojiStart(after)
}

func inWord(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.Nd) }

// virama reports whether r has the combining class of viramas.
func virama(r rune) bool {
	const class = 9
	return norm.NFC.PropertiesString(string(r)).CCC() == class
}

// emojiStart reports whether r can begin an emoji. It accepts the whole range from
// U+1F000 to U+1FAFF, because newer versions of Unicode add emoji there (UTS #51
// section 1.5).
func emojiStart(r rune) bool {
	return r >= 0x1f000 && r <= 0x1faff || r > unicode.MaxLatin1 && unicode.IsSymbol(r)
}

func emojiEnd(r rune) bool { return emojiStart(r) || r == '\ufe0f' || r == '\U000e007f' }

func isJoiner(r rune) bool    { return r == zwnj || r == zwj || r == mvs }
func isTag(r rune) bool       { return r >= 0xe0020 && r <= 0xe007f }
func conditional(r rune) bool { return isJoiner(r) || isTag(r) }

// invisible reports whether r is invisible in every place of a name. This is true for a
// control character, for a line separator, and for a character with the property
// Default_Ignorable_Code_Point. The code below follows the definition of this property
// in the Unicode Character Database (DerivedCoreProperties.txt). Among others, these
// characters are invisible:
//
//   - bidirectional controls (U+061C, U+200E, U+202A–202E, U+2066–2069), which
//     reorder the text around them: UTS #39 and UTS #55 warn of them;
//   - U+FEFF, U+00AD, U+200B, U+2060 and the invisible operators: UAX #31 section
//     2.3 allows programs to ignore them in identifiers, because no word needs them;
//   - Hangul fillers (U+115F, U+1160, U+3164, U+FFA0), the Khmer inherent vowels
//     and U+034F, the combining grapheme joiner: UTS #39 does not allow them;
//   - controls of musical notation and shorthand, and deprecated format characters.
//
// These characters are not invisible:
//
//   - the number signs of Arabic, Syriac and Kaithi (U+0600–0605, U+06DD): they are
//     drawn around or below digits;
//   - the layout controls of Egyptian hieroglyphs;
//   - variation selectors: each one chooses the glyph of the character before it,
//     such as an emoji, a Mongolian letter or a Han character.
//
// Interlinear annotations (U+FFF9–FFFB) do not have the property, but they hide text.
// So they are invisible, too.
func invisible(r rune) bool {
	switch {
	case conditional(r), unicode.Is(unicode.Prepended_Concatenation_Mark, r), r >= 0x13430 && r <= 0x1343f:
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}
