// Texts that lose something on the way if anyone escapes, decodes or splits wrongly.

const range = (first, last) => String.fromCodePoint(...Array.from({ length: last - first + 1 }, (_, i) => first + i));

export const TEXTS = {
  'empty': '',
  'plain': 'hello',
  'JSON in JSON': '["a","b\\n\\u0041"]',
  'quotes and backslashes': `"'\\ \\" \\\\ /`,
  'percent signs, as eventsource escapes them': '100% %25 %0A %00 %E2%82%AC',
  'form characters, as jsonp sends them': 'a=b&c=d+e f;g#h?i',
  'ends of scripts and comments, as htmlfile frames them': '</script><script>parent.hacked = true</script> <!-- --> ]]>',
  'markup': '<b>bold</b> &amp; &lt;',
  'control characters': range(0x00, 0x1f) + range(0x7f, 0x9f),
  'joiners and direction marks': `${range(0x200b, 0x200f)}\u00ad\ufeff`,
  'line separators and spaces': range(0x2028, 0x202f),
  'invisible operators': range(0x2060, 0x206f),
  'specials and noncharacters': range(0xfff0, 0xffff),
  'neighbours of the surrogates': '\ud7ff\ue000',
  'many scripts': 'ÄÖÜß Ω Кириллица עברית العربية हिन्दी 漢字 かな 한국어',
  'astral': '\u{10000}\u{1f41f}\u{1f468}\u200d\u{1f469}\u200d\u{1f467}\u{10ffff}',
  'frame look-alikes': 'o h c[3000,"Go away!"] a["x"]',
};

/** One of every code unit except the surrogates, in a text per 4096. */
export function wholeBasicPlane() {
  const texts = [];
  for (let first = 0; first < 0x10000; first += 0x1000) {
    let text = '';
    for (let unit = first; unit < first + 0x1000; unit += 1) {
      if (unit < 0xd800 || unit > 0xdfff) text += String.fromCharCode(unit);
    }
    if (text) texts.push(text);
  }
  return texts;
}
