/** The styles of a report: light and dark, on paper and as narrow as a phone. */
export const style = `
:root{color-scheme:light dark;--page:#faf8f5;--surface:#fff;--text:#221d18;--muted:#655d54;--line:#e5ded5;--accent:#94450f;--soft:#f8e9dc;--second:#2b6a80;--good:#1c6b40;--bad:#a3261d;--bad-soft:#fbe9e7;font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans KR","Apple SD Gothic Neo","Malgun Gothic",sans-serif}
@media (prefers-color-scheme:dark){:root{--page:#161311;--surface:#1f1b18;--text:#ede7e0;--muted:#ada297;--line:#38312b;--accent:#f0a56f;--soft:#3a2819;--second:#7dbfd6;--good:#85d3a5;--bad:#ff9d92;--bad-soft:#3d1d1a}}
@media print{:root{--page:#fff;--surface:#fff;--text:#000;--muted:#444;--line:#ccc;--accent:#94450f;--soft:#f3e4d7;--second:#2b6a80;--good:#1c6b40;--bad:#a3261d;--bad-soft:#fbe9e7;color-scheme:light;font-size:10pt}.plot,tr,.tile{break-inside:avoid}h2{break-after:avoid}.scroll{overflow:visible!important}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text)}
main{max-width:1280px;margin:0 auto;padding:40px 20px 72px}
header p{margin:0}
.kicker{color:var(--muted);font-size:.875rem}
h1{margin:6px 0 10px;font-size:1.75rem;font-weight:650;line-height:1.25;letter-spacing:-.02em}
header .result{max-width:52em;margin:0 0 10px;font-size:1.1875rem;line-height:1.45;text-wrap:pretty}
h2{margin:44px 0 4px;font-size:1.125rem;font-weight:650;letter-spacing:-.01em}
.lead{max-width:70em;color:var(--muted);font-size:.9375rem}
h2+.lead{margin:0 0 12px}
.bad{color:var(--bad);font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(212px,1fr));gap:10px;margin:26px 0 0}
.tile{padding:12px 16px;border:1px solid var(--line);border-radius:10px;background:var(--surface)}
.tile dt{color:var(--muted);font-size:.8125rem}
.tile dd{margin:2px 0 0;font-size:1.375rem;font-weight:600;letter-spacing:-.015em;font-variant-numeric:tabular-nums;white-space:nowrap}
.tile dd small{display:block;color:var(--muted);font-size:.8125rem;font-weight:400;letter-spacing:0;white-space:normal}
.tile.alarm{border-color:var(--bad);background:var(--bad-soft)}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:16px;margin:24px 0 0}
.plot{margin:0;padding:14px 14px 10px;border:1px solid var(--line);border-radius:10px;background:var(--surface)}
.plot figcaption{font-size:.9375rem;font-weight:600}
.plot svg{display:block;width:100%;height:auto;margin:6px 0 2px}
.note{margin:0;color:var(--muted);font-size:.8125rem}
svg text{fill:var(--muted);font-size:11px;font-variant-numeric:tabular-nums}
.middle{text-anchor:middle}.end{text-anchor:end}
.grid{stroke:var(--line)}.axis{stroke:var(--muted)}
.line{fill:none;stroke:var(--accent);stroke-width:2;stroke-linejoin:round}
.line.second{stroke:var(--second);stroke-dasharray:5 4}
.dot{fill:var(--accent);stroke:var(--surface)}
.bar{fill:var(--accent);opacity:.85}
.whisker{stroke:var(--accent);stroke-width:2}.thin{stroke:var(--accent);opacity:.55}
.level{stroke:var(--second);stroke-dasharray:4 3}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:10px;background:var(--surface)}
table{width:100%;border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:7px 9px;text-align:left;vertical-align:top}
th{color:var(--muted);font-size:.8125rem;font-weight:500;vertical-align:bottom}
thead th{border-bottom:1px solid var(--line)}
tbody tr+tr>*{border-top:1px solid var(--line)}
tbody th{color:var(--text);font-size:.875rem;font-weight:500;vertical-align:top}
.number{text-align:right;white-space:nowrap}
.text{min-width:170px;max-width:300px;word-break:keep-all;overflow-wrap:anywhere}
td small,th small{display:block;color:var(--muted);font-size:.8125rem;font-weight:400}
.short{min-width:110px;max-width:170px}
.drawn{width:180px;min-width:130px;padding-inline:6px}
.interval{display:block;width:100%;height:20px}
.interval line{vector-effect:non-scaling-stroke}
.one{stroke:var(--line)}.target{stroke:var(--second);stroke-dasharray:3 3}
.always{stroke:var(--accent);stroke-width:1.5;opacity:.6}.once{stroke:var(--accent);stroke-width:5;opacity:.45}.point{stroke:var(--accent);stroke-width:2.5}
.ticks{position:relative;display:block;height:1.3em}
.ticks span{position:absolute;transform:translateX(-50%)}
.share{display:inline-block;vertical-align:middle;width:56px;height:8px;margin-right:8px;border-radius:4px;background:linear-gradient(90deg,var(--accent) var(--of),var(--line) var(--of))}
.key{display:flex;flex-wrap:wrap;gap:4px 20px;margin:8px 0 0;padding:0;list-style:none;color:var(--muted);font-size:.8125rem}
.key svg{width:34px;height:14px;margin-right:6px;vertical-align:middle}
footer{margin-top:48px;padding-top:16px;border-top:1px solid var(--line);color:var(--muted);font-size:.8125rem}
footer p{max-width:80em;margin:0 0 8px}
@media (max-width:640px){main{padding:24px 16px 56px}h1{font-size:1.3125rem}.tiles{grid-template-columns:repeat(2,1fr)}.tile{padding:10px 12px}.tile dd{font-size:1.1875rem}th,td{padding:6px 8px}}
`
