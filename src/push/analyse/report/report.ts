import type { Estimate, PushAnalysis } from '../analysis.ts'
import { bounds, count, length, percent, ratio, signed, signedRange, time } from './format.ts'
import { html, Markup, nothing } from './markup.ts'
import { plots } from './plots.ts'
import { style } from './style.ts'
import { aboveTarget, capInWords, isFollowed, isSeen, notKnownBefore, resultInWords } from './summary.ts'
import {
  articlesTable,
  depthsTable,
  dryRunTable,
  resendingTable,
  segmentsTable,
  selectSection,
  titlesTable,
  violationsTable,
} from './tables.ts'

/** Nothing from elsewhere is loaded and nothing runs, whatever titles hold. */
const policy = "default-src 'none'; style-src 'unsafe-inline'"

/** An analysis as one HTML document of its own: the same for the same analysis. */
export function reportHtml(analysis: PushAnalysis): string {
  const { from, now, zone } = analysis
  const span = `${time(from, zone)} to ${time(now, zone)}, ${zone}`
  const sections = [
    violationsTable(analysis),
    dryRunTable(analysis),
    articlesTable(analysis),
    titlesTable(analysis),
    resendingTable(analysis),
    segmentsTable(analysis),
    depthsTable(analysis),
    selectSection(analysis),
  ].filter(section => section !== undefined)
  const document = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><title>Aurochs: what content push brought, ${span}</title><style>${new Markup(style)}</style></head><body><main>
${header(analysis, span)}
${tiles(analysis)}
${plots(analysis)}
${sections}
${footer(analysis)}
</main></body></html>
`
  return document.text
}

function header(analysis: PushAnalysis, span: string): Markup {
  const { violations } = analysis
  const target = aboveTarget(analysis)
  const cap = html`<span class="${violations.count > 0 ? 'bad' : ''}">${capInWords(analysis)}</span>`
  return html`<header><p class="kicker">Aurochs · ${span}</p><h1>What content push brought</h1><p class="result">${resultInWords(analysis)}</p><p class="lead">${target ?? ''} ${cap}</p></header>`
}

function tiles({ total, violations, states, window }: PushAnalysis): Markup {
  const { sends, clicks, ctr, correctedCtr, usualCtr, lift, effect, optOuts, shareSeen } = total
  const tile = (name: string, value: string, note: string, isAlarm = false) =>
    html`<div class="tile${isAlarm ? ' alarm' : ''}"><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`
  const failed = states.failed + states.expired + states.cancelled
  const early = `too early: ${percent(shareSeen, 0)} of the clicks are in`
  const hasLift = lift.lift !== null && isSeen(total)
  const brought = (estimate: Estimate | undefined): readonly [value: string, note: string] => {
    if (estimate === undefined) return ['–', 'nobody was held out']
    if (!isFollowed(effect!)) return ['–', notKnownBefore(window)]
    return [signed(estimate.value), `95 %: ${signedRange(estimate)}`]
  }
  const expected = correctedCtr && isSeen(total) ? correctedCtr : undefined
  return html`<dl class="tiles">${[
    tile('Sends', count(sends), `${count(failed)} more did not go out`),
    tile('Clicks', count(clicks), `${percent(shareSeen, 0)} of those expected in the end`),
    tile('CTR', percent(ctr), `clicks ÷ sends; usual ${percent(usualCtr)}`),
    tile(
      'CTR expected in the end',
      percent(expected?.value ?? null),
      expected ? `95 %: ${percent(expected.interval![0])} to ${percent(expected.interval![1])}` : early,
    ),
    tile(
      'Lift',
      hasLift ? ratio(lift.lift) : '–',
      lift.lift === null ? 'usual CTRs are not known' : hasLift ? `95 %: ${bounds(lift.sequence)}` : early,
    ),
    tile('Users brought back', ...brought(effect?.active)),
    tile('Visits more', ...brought(effect?.visits)),
    tile('Opted out', count(optOuts), `${percent(sends > 0 ? optOuts / sends : null)} of the sends`),
    tile(
      'Two pushes too soon',
      count(violations.count),
      violations.count > 0 ? 'must be 0' : 'as it must be',
      violations.count > 0,
    ),
  ]}</dl>
${lift.lift === null ? nothing : key()}`
}

/** How drawn lifts are read. */
function key(): Markup {
  const sample = (line: Markup) => html`<svg viewBox="0 0 34 14" aria-hidden="true">${line}</svg>`
  return html`<ul class="key"><li>${sample(html`<line class="point" x1="17" x2="17" y1="1" y2="13"/>`)}lift: clicks ÷ those that the users' usual CTRs let expect by now</li><li>${sample(html`<line class="always" x1="2" x2="32" y1="7" y2="7"/>`)}its 95 % interval for who looks as often as they like: the one in numbers</li><li>${sample(html`<line class="once" x1="4" x2="30" y1="7" y2="7"/>`)}the same for who looks once, at the end</li><li>${sample(html`<line class="target" x1="17" x2="17" y1="0" y2="14"/>`)}lift that is asked for</li></ul>`
}

function footer({
  window,
  shareFollowed,
  heldOutPushed,
  otherClicks,
  invalid,
  total,
  calibration,
}: PushAnalysis): Markup {
  const notes = [
    `CTR is clicks ÷ sends. Lifts, and CTRs expected in the end, allow for the clicks that are still to come, by how late clicks come; they are shown once half of them are in.`,
    `Users who were sent something or held out are followed for ${length(window)}; that time is over for ${percent(shareFollowed, 0)} of them. ${total.effect ? `${count(heldOutPushed)} of those held out had a push of another article in it and are followed until then.` : ''}`,
    `Clicks that count nowhere: ${count(otherClicks.late)} too late, ${count(otherClicks.unsent)} of pushes that are not known to have gone out, ${count(otherClicks.future)} of a time to come. ${count(invalid)} sends have figures that make no sense and are left out.`,
    calibration.sends < total.sends ? `${count(total.sends - calibration.sends)} sends have no expected CTR.` : '',
  ]
  return html`<footer>${notes.filter(note => note !== '').map(note => html`<p>${note}</p>`)}</footer>`
}
