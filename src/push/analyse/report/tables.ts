/** The tables of a report; undefined where there is nothing to show. */
import type { ArticleResult, Outcome, PushAnalysis } from '../analysis.ts'
import { bounds, count, percent, plural, ratio, shortTime, signed, signedRange } from './format.ts'
import { intervalCell, liftAxis, liftScale } from './interval-cell.ts'
import { html, type Markup, nothing } from './markup.ts'
import { isFollowed, isSeen } from './summary.ts'

/** Rows that are shown of articles and of title tests: those with most sends. All are in the JSON. */
const [mostArticles, mostTests] = [100, 30]

interface Column<Row> {
  readonly name: string
  /** Default: text. */
  readonly kind?: 'number' | undefined
  readonly cell: (row: Row) => Markup | string
}

interface Table<Row> {
  readonly title: string
  readonly lead: string
  /** What the first column is. */
  readonly name: string
  readonly head: (row: Row) => Markup
  readonly targetOf?: (row: Row) => number | null
  /** Before and after the columns of all outcomes. */
  readonly columns?: readonly Column<Row>[]
}

function outcomeTable<Row extends Outcome>(rows: readonly Row[], table: Table<Row>): Markup | undefined {
  if (rows.length === 0) return undefined
  const { title, lead, name, head, columns = [], targetOf = () => null } = table
  const scale = liftScale(
    rows.filter(isSeen).map(({ lift }) => lift),
    rows.map(targetOf),
  )
  const hasEffect = rows.some(({ effect }) => effect !== undefined)
  const all: readonly Column<Row>[] = [
    { name: 'sends', kind: 'number', cell: ({ sends }) => count(sends) },
    { name: 'clicks', kind: 'number', cell: ({ clicks }) => count(clicks) },
    { name: 'CTR', kind: 'number', cell: ctrCell },
    { name: 'lift', kind: 'number', cell: liftCell },
  ]
  const effects: readonly Column<Row>[] = [{ name: 'users brought back', kind: 'number', cell: effectCell }]
  const last: Column<Row> = { name: 'opted out', kind: 'number', cell: ({ optOuts }) => count(optOuts) }
  const headers = (some: readonly Column<Row>[]) =>
    some.map(({ name, kind }) => html`<th scope="col" class="${kind ?? ''}">${name}</th>`)
  const cells = (some: readonly Column<Row>[], row: Row) =>
    some.map(({ kind, cell }) => html`<td class="${kind ?? 'short'}">${cell(row)}</td>`)
  const ends = [...(hasEffect ? effects : []), last, ...columns]
  const body = rows.map(
    row => html`<tr><th scope="row" class="text">${head(row)}</th>${cells(all, row)}<td class="drawn">${isSeen(row) ? intervalCell(row.lift, targetOf(row), scale) : nothing}</td>${cells(ends, row)}</tr>
`,
  )
  return html`<section><h2>${title}</h2><p class="lead">${lead}</p><div class="scroll" tabindex="0" role="region" aria-label="${title}"><table><thead><tr><th scope="col">${name}</th>${headers(all)}<th scope="col" class="drawn" aria-label="lift, drawn">${liftAxis(scale)}</th>${headers(ends)}</tr></thead><tbody>
${body}</tbody></table></div></section>
`
}

function ctrCell({ ctr, correctedCtr, usualCtr, shareSeen }: Outcome): Markup {
  const inTheEnd =
    correctedCtr && shareSeen < 0.99 && isSeen({ shareSeen })
      ? html`<small>${percent(correctedCtr.value)} in the end</small>`
      : nothing
  return html`${percent(ctr)}<small>usual ${percent(usualCtr)}</small>${inTheEnd}`
}

function liftCell(outcome: Outcome): Markup {
  const { lift, shareSeen } = outcome
  if (lift.lift === null) return html`–`
  if (!isSeen(outcome)) return html`–<small>${percent(shareSeen, 0)} of the clicks are in</small>`
  return html`${ratio(lift.lift)}<small>${bounds(lift.sequence)}</small>`
}

function effectCell({ effect }: Outcome): Markup {
  if (!effect) return html`–`
  if (!isFollowed(effect)) return html`–<small>not known yet</small>`
  return html`${signed(effect.active.value)}<small>${signedRange(effect.active)}</small>`
}

export function articlesTable({ articles, articleCount, zone }: PushAnalysis): Markup | undefined {
  const shown = articles.toSorted((a, b) => b.sends - a.sends).slice(0, mostArticles)
  const rest = articleCount - shown.length
  return outcomeTable<ArticleResult>(shown, {
    title: 'Articles',
    lead: `By sends${rest > 0 ? `; ${count(rest)} more are not shown` : ''}. The dashed line is the lift that is asked for; below each lift stands its 95 % interval, however often it is looked at; “expected lift” is what was expected before the first send. An article ends when its next round is not worth the users' push of the week.`,
    name: 'article',
    head: ({ id, title, category, firstSent }) =>
      html`<bdi>${title}</bdi><small><bdi>${id}</bdi>${category === null ? '' : ` · ${category}`}${firstSent === null ? '' : ` · ${shortTime(firstSent, zone)}`}</small>`,
    targetOf: ({ target }) => target,
    columns: [
      {
        name: 'expected lift',
        kind: 'number',
        cell: ({ expected }) =>
          expected ? html`${ratio(expected.lift)}<small>${bounds(expected.interval)}</small>` : '–',
      },
      { name: 'rounds', kind: 'number', cell: ({ rounds }) => count(rounds) },
      { name: 'stopped', cell: ({ stopped }) => stopped ?? 'goes on' },
    ],
  })
}

export function segmentsTable({ segments }: PushAnalysis): Markup | undefined {
  return outcomeTable(segments, {
    title: 'Segments',
    lead: 'Of users, as they were when it was sent.',
    name: 'segment',
    head: ({ segment }) => html`<bdi>${segment}</bdi>`,
  })
}

export function depthsTable({ depths }: PushAnalysis): Markup | undefined {
  return outcomeTable(depths, {
    title: 'Ranks',
    lead: 'Users are ranked by how much they are expected to like an article, the best is rank 0, and sent to in this order. The best ranks also have the first rounds of articles that did not go on.',
    name: 'ranks',
    head: ({ from, to }) => html`${count(from)} to ${count(to - 1)}`,
  })
}

/** What sending on after the first round brought. */
export function resendingTable({ resending: { first, later }, total }: PushAnalysis): Markup | undefined {
  if (later.sends === 0) return undefined
  const named = (name: string, outcome: Outcome) => Object.assign({ name }, outcome)
  return outcomeTable([named('first rounds', first), named('later rounds', later)], {
    title: 'Sending on',
    lead: `${percent(later.sends / total.sends, 0)} of the sends and ${percent(total.clicks > 0 ? later.clicks / total.clicks : null, 0)} of the clicks came of rounds after an article's first.`,
    name: 'rounds',
    head: ({ name }) => html`${name}`,
  })
}

export function titlesTable({ articles }: PushAnalysis): Markup | undefined {
  const tested = articles
    .filter(({ titles }) => titles.filter(({ sends }) => sends > 0).length > 1)
    .toSorted((a, b) => b.sends - a.sends)
  if (tested.length === 0) return undefined
  const shown = tested.slice(0, mostTests)
  const rows = shown.flatMap(({ id, titles }) => {
    return titles.map(
      (
        title,
        at,
      ) => html`<tr>${at === 0 ? html`<th scope="rowgroup" rowspan="${titles.length}"><bdi>${id}</bdi></th>` : nothing}<td class="text"><bdi>${title.title}</bdi></td><td class="number">${count(title.sends)}</td><td class="number">${count(title.clicks)}</td><td class="number">${percent(title.ctr)}</td><td class="number"><span class="share" style="--of:${Math.round(100 * title.probabilityBest)}%"></span>${percent(title.probabilityBest, 0)}</td></tr>
`,
    )
  })
  const rest = tested.length - shown.length
  return html`<section><h2>Titles</h2><p class="lead">${plural(tested.length, 'article')} had several titles${rest > 0 ? `; the ${mostTests} with most sends are shown` : ''}. Right: the probability that a title is the best of its article.</p><div class="scroll" tabindex="0" role="region" aria-label="Titles"><table><thead><tr><th scope="col">article</th><th scope="col">title</th><th scope="col" class="number">sends</th><th scope="col" class="number">clicks</th><th scope="col" class="number">CTR</th><th scope="col" class="number">the best</th></tr></thead><tbody>
${rows}</tbody></table></div></section>
`
}

export function violationsTable({ violations: { count: all, examples }, zone }: PushAnalysis): Markup | undefined {
  if (all === 0) return undefined
  const rows = examples.map(
    ({
      user,
      articles,
      times,
    }) => html`<tr><th scope="row" class="number">${user}</th><td class="text"><bdi>${articles[0]}</bdi></td><td>${shortTime(times[0], zone)}</td><td class="text"><bdi>${articles[1]}</bdi></td><td>${shortTime(times[1], zone)}</td></tr>
`,
  )
  return html`<section><h2>Two pushes too soon</h2><p class="lead bad">${plural(all, 'push', 'pushes')} broke the rule of one push a week${all > examples.length ? `; the first ${examples.length}` : ''}:</p><div class="scroll"><table><thead><tr><th scope="col" class="number">user</th><th scope="col">first</th><th scope="col">sent</th><th scope="col">second</th><th scope="col">sent</th></tr></thead><tbody>
${rows}</tbody></table></div></section>
`
}

/** What would have gone to whom. */
export function dryRunTable({ dryRun, zone }: PushAnalysis): Markup | undefined {
  if (!dryRun) return undefined
  const shown = dryRun.articles.slice(0, mostArticles)
  const rows = shown.map(({ id, titles, sends, rounds, starts, users }) => {
    const named = titles.map(({ title, sends }) => html`<div><bdi>${title}</bdi> <small>${count(sends)}</small></div>`)
    const more = sends > users.length ? ` and ${count(sends - users.length)} more` : ''
    return html`<tr><th scope="row" class="text"><bdi>${id}</bdi><small>${shortTime(starts, zone)}</small></th><td class="text">${named}</td><td class="number">${count(sends)}</td><td class="number">${count(rounds)}</td><td class="text"><bdi>${users.join(', ')}</bdi>${more}</td></tr>
`
  })
  return html`<section><h2>Dry run</h2><p class="lead">What was decided and not sent: ${plural(dryRun.sends, 'push', 'pushes')} of ${plural(dryRun.articles.length, 'article')}${shown.length < dryRun.articles.length ? `; the last ${mostArticles}` : ''}. Nobody clicks on what is not sent, so articles go on less than they would.</p><div class="scroll" tabindex="0" role="region" aria-label="Dry run"><table><thead><tr><th scope="col">article</th><th scope="col">titles, and to how many</th><th scope="col" class="number">would be sent</th><th scope="col" class="number">rounds</th><th scope="col">to whom, best first</th></tr></thead><tbody>
${rows}</tbody></table></div></section>
`
}

/** How well the select stage foretold lifts. */
export function selectSection({ select }: PushAnalysis): Markup | undefined {
  const { articles, refused, coverage, compatible, ratio: seen, rankCorrelation } = select
  if (articles === 0) return undefined
  const tile = (name: string, value: string, note: string) =>
    html`<div class="tile"><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`
  return html`<section><h2>Choice of articles</h2><p class="lead">${plural(articles, 'article')} of which a lift was expected before the first send, and one has been seen; ${count(refused)} more ${refused === 1 ? 'was' : 'were'} not pushed.</p><dl class="tiles">${[
    tile(
      'Seen within the expected interval',
      percent(coverage, 0),
      'of the lifts, with the chance of few clicks in them',
    ),
    tile('May lie within it', percent(compatible, 0), 'by the intervals of the lifts seen'),
    tile('Seen ÷ expected', ratio(seen), 'geometric mean, of articles with clicks'),
    tile(
      'Rank correlation',
      rankCorrelation === null ? '–' : rankCorrelation.toFixed(2).replace('-', '−'),
      'of lifts expected and seen',
    ),
  ]}</dl></section>
`
}
