// The look of all pages: light and dark by the reader's setting, one column on a phone. Used by page_impl.hpp alone.
#pragma once

namespace nacre::train::detail {

inline constexpr const char* page_style = R"css(
:root{color-scheme:light dark;--bg:#fbfaf8;--card:#fff;--ink:#24262b;--soft:#6d7079;--line:#e7e4de;--mark:#9a7b4f;
--c0:#2f6f9f;--c1:#c2603a;--c2:#4d8a57;--c3:#8659a8;--c4:#b08a1e;--c5:#b4497a;--base:#b9b6ae;--good:#4d8a57;
--bad:#c2603a}@media(prefers-color-scheme:dark){:root{--bg:#16181c;--card:#1e2126;--ink:#e8e6e1;--soft:#9b9da5;
--line:#30343b;--mark:#cfae7c;--c0:#6cb0e0;--c1:#ef9068;--c2:#7fc48b;--c3:#bd93dd;--c4:#dcb84f;--c5:#e583ae;
--base:#62656d;--good:#7fc48b;--bad:#ef9068}}*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}body{margin:0;
background:var(--bg);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
.pearl{height:5px;background:linear-gradient(90deg,#f3c9d6,#cfdff2,#cdeedd,#f5ebc8,#e3d0ef,#cfdff2)}
main{max-width:1120px;margin:0 auto;padding:2.6rem 1.25rem 4rem}
h1,h2{font-family:"Iowan Old Style","Palatino Linotype",Palatino,"URW Palladio L",Georgia,serif;font-weight:500;
letter-spacing:-.01em;text-wrap:balance}h1{font-size:2.3rem;line-height:1.15;margin:0}
h2{font-size:1.5rem;margin:3.2rem 0 .2rem}h3{font-size:1rem;font-weight:600;margin:0 0 .1rem}
p{margin:.2rem 0 .8rem;color:var(--soft);max-width:68ch}header{margin-bottom:.6rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:1rem;margin-top:1.1rem}
.wide{grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));align-items:start}
.maps{grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr))}.card{background:var(--card);
border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem;min-width:0;display:flex;flex-direction:column}
.card svg{margin-top:auto}.wide svg{max-width:480px;margin:0}
.card p{font-size:.86rem;line-height:1.45;margin:.1rem 0 .6rem}.facts{display:flex;flex-wrap:wrap;gap:1px;
background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden;margin-top:1.6rem}
.facts div{flex:1 1 130px;background:var(--card);padding:.8rem 1.1rem}.facts b{display:block;
font:500 1.65rem/1.2 "Iowan Old Style","Palatino Linotype",Palatino,Georgia,serif;font-variant-numeric:tabular-nums}
.facts span{font-size:.82rem;color:var(--soft);display:block;line-height:1.35}.keys{display:flex;flex-wrap:wrap;
gap:.25rem 1.1rem;font-size:.86rem;color:var(--soft);margin:.7rem 0 0;padding:0;list-style:none}
.keys i{display:inline-block;width:.75em;height:.75em;border-radius:2px;margin-right:.45em;background:currentColor}
.keys .t{color:var(--soft)}svg{display:block;width:100%;height:auto;overflow:visible}
svg text{font-size:10.5px;fill:var(--soft);font-variant-numeric:tabular-nums}
svg .label{fill:var(--ink);font-size:11.5px}svg .value{fill:var(--ink);font-size:10.5px}
svg .marktext{fill:var(--mark)}
svg .value,svg .marktext{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
svg .grid{stroke:var(--line);stroke-width:1}svg .mark{stroke:var(--mark);stroke-width:1.2;stroke-dasharray:3 3}
.line{fill:none;stroke-width:1.9;stroke-linejoin:round;stroke-linecap:round}.faint{opacity:.28;stroke-width:1}
.c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}.c4{color:var(--c4)}
.c5{color:var(--c5)}.baseline{color:var(--base)}svg .line{stroke:currentColor}
svg .dashed{stroke-dasharray:5 4}svg .dotted{stroke-dasharray:.1 4}
.keys .dashed i{background:repeating-linear-gradient(90deg,currentColor 0 3px,transparent 3px 5px)}
.keys .dotted i{background:radial-gradient(circle,currentColor 45%,transparent 50%) 0 0/4px 4px}
svg .bar{fill:currentColor}
circle{opacity:.72}figure{margin:0}figcaption{font-size:.8rem;color:var(--soft);line-height:1.35;margin-top:.35rem}
img{display:block;max-width:100%;height:auto;image-rendering:pixelated;border-radius:4px}
.views{display:flex;flex-wrap:wrap;gap:1rem;margin-top:1.1rem}
.near{display:grid;gap:.45rem;margin-top:1.1rem;overflow-x:auto;padding:3px}
.near>div{display:flex;gap:.45rem;align-items:flex-start}.near figure{flex:0 0 68px;width:68px}
.near figure:first-child{margin-right:.9rem}
.near img{width:68px;height:68px;object-fit:contain;background:var(--line)}
.near figcaption{font-size:.7rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.right img{outline:2.5px solid var(--good);outline-offset:-.5px}
.wrong img{outline:2.5px dashed var(--bad);outline-offset:-.5px}.scroll{overflow-x:auto;margin-top:1.1rem}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}td,th{text-align:left;
padding:.32rem 1.4rem .32rem 0;border-bottom:1px solid var(--line);vertical-align:top;font-weight:400;
overflow-wrap:break-word}thead th{font-weight:600}tbody th{color:var(--soft);white-space:nowrap}
.differs td{color:var(--mark);font-weight:600}
td.big{min-width:8rem;font:500 1.15rem/1.3 "Iowan Old Style","Palatino Linotype",Palatino,Georgia,serif;
font-variant-numeric:tabular-nums}thead th{vertical-align:bottom}
.sub{display:block;font:400 .78rem/1.35 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--soft)}
footer{margin-top:3.5rem;font-size:.8rem;color:var(--soft)}@media(max-width:560px){h1{font-size:1.8rem}
main{padding-top:1.8rem}.near figure{flex-basis:56px;width:56px}.near img{width:56px;height:56px}}
@media print{.card{break-inside:avoid}}
)css";

}  // namespace nacre::train::detail
