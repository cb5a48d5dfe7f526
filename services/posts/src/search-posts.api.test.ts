import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, type PostsUnderTest, postsUnderTest, type ShownPage, times } from './testing/posts-under-test.ts';

let stoa: PostsUnderTest;
let ada: Person;
beforeAll(async () => {
  stoa = await postsUnderTest();
  ada = await stoa.person();
});
afterAll(() => stoa[Symbol.asyncDispose]());

const idsOf = ({ items }: ShownPage) => items.map(({ id }) => id);
const search = async (q: string, more = '') => idsOf(await stoa.page(`q=${encodeURIComponent(q)}${more}`));

describe('a post is found', () => {
  test.for([
    ['a word of its title', 'Zephyr rising', 'Nothing.', 'zephyr'],
    ['a word of its text', 'Nothing', 'About obelisks.', 'obelisks'],
    ['any case', 'Kaleidoscope', 'Nothing.', 'kALEIDOSCOPE'],
    ['accents left out', 'Café Müßig', 'Nothing.', 'cafe mussig'],
    ['accents put in', 'Resume of rapport', 'Nothing.', 'Résumé'],
    ['accents written apart', 'Piñata', 'Nothing.', 'Pin\u0303ata'],
    ['ß for ss', 'STRASSENBAHN', 'Nothing.', 'Straßenbahn'],
    ['ss for ß', 'Großwildjagd', 'Nothing.', 'GROSSWILDJAGD'],
    ['Greek in capitals', 'Φιλόσοφος', 'Nothing.', 'ΦΙΛΟΣΟΦΟΣ'],
    ['Turkish capitals', 'İSTANBULLU', 'Nothing.', 'istanbullu'],
    ['Cyrillic', 'Достоевский', 'Nothing.', 'достоевский'],
    ['ligatures', 'Eﬃcacious', 'Nothing.', 'efficacious'],
    ['wide letters', 'Ｗｉｄｅｌｅｔｔｅｒｓ', 'Nothing.', 'wideletters'],
    ['the beginning of a word', 'Photosynthesis', 'Nothing.', 'photosyn'],
    ['the beginning of a Greek word', 'Προσευχητάριο', 'Nothing.', 'προσ'],
    ['words of title and text, in any order', 'Verdigris', 'An umbrella.', 'umbrella verdigris'],
    ['words and the beginning of the last', 'Sarsaparilla', 'A tambourine.', 'sarsaparilla tambou'],
    ['digits', 'Nothing', 'Route 66127 is closed.', '66127'],
    ['digits with letters', 'Nothing', 'An A380xyz.', 'a380xyz'],
    ['what punctuation joins', 'Nothing', 'He said: "hullabaloo!" (twice).', 'hullabaloo'],
    ['what punctuation parts', 'Nothing', 'A merry-goround', 'merry goround'],
    ['Chinese', '北京大学图书馆', 'Nothing.', '图书馆'],
    ['Japanese', 'Nothing', '私は東京に住んでいます。', '東京'],
    ['Thai', 'Nothing', 'ฉันรักภาษาไทย', 'ภาษา'],
    ['Korean', '한국어를 배우다', 'Nothing.', '한국어'],
    ['Hindi', 'हिन्दी साहित्य', 'Nothing.', 'साहित्य'],
    ['Arabic', 'كتاب جديد', 'Nothing.', 'كتاب'],
    ['what stands behind an emoji', 'Nothing', '❤️serendipity', 'serendipity'],
    ['a word longer than is kept', `Long${'g'.repeat(150)}`, 'Nothing.', `long${'g'.repeat(150)}`],
  ] as const)('by %s', async ([, title, text, q]) => {
    const { id } = await stoa.write(ada, { title, text });
    expect(await search(q)).toEqual([id]);
  });
});

describe('a post is not found', () => {
  test.for([
    ['one word that it has not', 'Marmalade jar', 'marmalade quixotic'],
    ['the end of a word', 'Thunderstormy', 'stormy'],
    ['what is alike, but too short', 'Gnu', 'gna'],
    ['two letters that differ', 'Xylophonist', 'xilofonist'],
    ['an operator', 'Petrichor', 'petrichor | quixotic'],
  ] as const)('by %s', async ([, title, q]) => {
    await stoa.write(ada, { title, text: 'Nothing.' });
    expect(await search(q)).toEqual([]);
  });

  test.for(['?!', '…', '   ', "'", '🏛️', '&|!():*', '\u200d'])('by %j, which has no word', async (q) => {
    await stoa.write(ada, { title: `${q} there`, text: `${q} too` });
    expect(await stoa.page(`q=${encodeURIComponent(q)}`)).toEqual({ items: [], nextCursor: null });
  });
});

describe('a misspelt word', () => {
  test.for([
    ['a letter is missing', 'Chrysanthemum', 'chrysantemum'],
    ['the first is missing', 'Bougainvillea', 'ougainvillea'],
    ['the last is missing, of more than one', 'Harpsichord tuned', 'harpsichor tuned'],
    ['a letter is too many', 'Rhododendron', 'rhododendrron'],
    ['the last is too many', 'Amaryllis', 'amaryllisa'],
    ['a letter is wrong', 'Foxglove', 'foxglave'],
    ['the first is wrong', 'Hydrangea', 'kydrangea'],
    ['two are exchanged', 'Snapdragon', 'snapdargon'],
    ['it has four letters', 'Yurt', 'yutr'],
    ['an accent is there besides', 'Pokémonster', 'pokemonstr'],
    ['each of two words is', 'Wisteria gazebo', 'wistria gazebbo'],
    ['one is right', 'Geranium trellis', 'geranium trelis'],
  ] as const)('is found when %s', async ([, title, q]) => {
    const { id } = await stoa.write(ada, { title, text: 'Nothing.' });
    expect(await search(q)).toEqual([id]);
  });

  test('is only looked for when nothing has the word as it is', async () => {
    const alike = await stoa.write(ada, { title: 'Clematis' });
    expect(await search('clematiss')).toEqual([alike.id]);
    const exact = await stoa.write(ada, { title: 'Clematiss' });
    expect(await search('clematiss')).toEqual([exact.id]);
    expect(new Set(await search('clematis')), 'also as its beginning').toEqual(new Set([exact.id, alike.id]));
  });

  test('of one author is looked for in their posts alone', async () => {
    const eve = await stoa.person();
    await stoa.write(ada, { title: 'Delphinium' });
    const hers = await stoa.write(eve, { title: 'Delphiniums' });
    expect(await search('delphimium', `&author=${ada.id}`)).toHaveLength(1);
    expect(await search('delphiniuns', `&author=${eve.id}`)).toEqual([hers.id]);
  });

  test('goes on as it began, though a post with its right spelling is added', async () => {
    const all = (await times(5, () => stoa.write(ada, { title: 'Ranunculus' })))
      .map(({ id }) => id)
      .sort()
      .reverse();
    const first = await stoa.page('q=ranunculs&limit=2');
    expect(idsOf(first)).toEqual(all.slice(0, 2));
    stoa.clock.advance(1);
    await stoa.write(ada, { title: 'Ranunculs' });
    expect(idsOf(await stoa.page(`q=ranunculs&limit=9&cursor=${first.nextCursor}`))).toEqual(all.slice(2));
  });
});

test('pages of an exact search end without what is only alike', async () => {
  await times(3, () => stoa.write(ada, { title: 'Pelargoniums' }));
  stoa.clock.advance(1);
  await times(2, () => stoa.write(ada, { title: 'Pelargonias' }));
  const first = await stoa.page('q=pelargonias&limit=1');
  const second = await stoa.page(`q=pelargonias&limit=1&cursor=${first.nextCursor}`);
  expect([first.items.length, second.items.length, second.nextCursor]).toEqual([1, 1, null]);
  await stoa.send('DELETE', `/v1/posts/${second.items[0]?.id}`, { as: ada });
  expect(await stoa.page(`q=pelargonias&limit=1&cursor=${first.nextCursor}`)).toEqual({ items: [], nextCursor: null });
});

test('words and an author go together', async () => {
  const [eve, bob] = [await stoa.person(), await stoa.person()];
  const hers = await stoa.write(eve, { title: 'Trebuchet plans' });
  const bobs = await stoa.write(bob, { title: 'Trebuchet plans' });
  await stoa.write(eve, { title: 'Other plans' });
  for (const q of ['trebuchet', 'trebuchet plans']) {
    expect(await search(q, `&author=${eve.id}`)).toEqual([hers.id]);
    expect(await search(q, `&author=${bob.id}`)).toEqual([bobs.id]);
    expect(await search(q, `&author=${randomUUID()}`)).toEqual([]);
  }
});

test('what is rare is found behind thousands of newer posts', async () => {
  const old = (await times(3, () => stoa.write(ada, { title: 'Coelacanth fossils' })))
    .map(({ id }) => id)
    .sort()
    .reverse();
  stoa.clock.advance(1);
  const before = stoa.clock.now().getTime().toString(16).padStart(12, '0');
  await sql`
    insert into posts (id, author_id, title, text, search, created_at, updated_at)
    select (${`${before.slice(0, 8)}-${before.slice(8)}-7`} || lpad(to_hex(n), 3, '0') || '-8000-000000000000')::uuid, ${ada.id}, 'Filler', 'Filler.',
      'filler'::tsvector, ${stoa.clock.now()}, ${stoa.clock.now()}
    from generate_series(1, 3000) as n`.execute(stoa.database.query);
  stoa.clock.advance(1);
  const recent = await stoa.write(ada, { title: 'Coelacanth fossils' });
  for (const q of ['coelacanth', 'coelacanth fossils', 'coelacant fossils']) {
    expect(await search(q)).toEqual([recent.id, ...old]);
    const first = await stoa.page(`q=${q}&limit=2`);
    expect(idsOf(first)).toEqual([recent.id, old[0]]);
    expect(idsOf(await stoa.page(`q=${q}&limit=2&cursor=${first.nextCursor}`))).toEqual(old.slice(1));
  }
});

test('of too many words only the first count', async () => {
  const words = Array.from({ length: 30 }, (_, n) => `w${n}z`);
  const { id } = await stoa.write(ada, { title: 'Wordy', text: words.slice(0, 20).join(' ') });
  expect(await search(words.join(' '))).toEqual([id]);
});
