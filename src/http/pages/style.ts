/** The one stylesheet of the pages. It travels inside each page, allowed by its hash in the content security policy. */
import { hashSource } from './hash-source.ts';

export const style = `
:root{color-scheme:light dark;
--ground:#f3f4f1;--card:#fff;--ink:#1d211f;--soft:#58605b;--line:#d9ddd8;--field:#fff;--field-line:#868e88;
--accent:#17594a;--accent-hover:#0f4538;--on-accent:#fff;--tint:#e9f1ee;
--bad:#a3261d;--bad-tint:#fcefed;--good:#17694a;--focus:#0b57d0}
@media (prefers-color-scheme:dark){:root{
--ground:#141716;--card:#1d2120;--ink:#e9ecea;--soft:#a6aea9;--line:#363c39;--field:#151817;--field-line:#78817c;
--accent:#8fd0bb;--accent-hover:#a9dfcd;--on-accent:#0d211b;--tint:#20302b;
--bad:#ffb4a9;--bad-tint:#3a201d;--good:#8bd8b0;--focus:#a8c7fa}}
*,*::before,*::after{box-sizing:border-box}
[hidden]{display:none!important}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
.frame{max-width:36rem;margin:0 auto;padding:1.5rem 1rem 3rem}
.frame.wide{max-width:58rem}
.wide>header{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;gap:0 1.5rem;margin:0 0 1.25rem}
.wide .brand{margin:.25rem}
nav ul{display:flex;flex-wrap:wrap;gap:.15rem;list-style:none;margin:0;padding:0}
nav li{margin:0}
nav a{display:inline-block;padding:.35rem .6rem;border-radius:8px;color:var(--soft);text-decoration:none}
nav a:hover{background:var(--tint);color:var(--ink)}
nav a[aria-current]{background:var(--tint);color:var(--ink);font-weight:600}
.notice{flex-basis:100%;margin:.75rem 0 0;padding:.6rem .9rem;border:1px solid var(--accent);border-radius:10px;background:var(--tint)}
.brand{display:flex;align-items:center;gap:.5rem;margin:.25rem .25rem 1.25rem;font-weight:650;letter-spacing:.01em}
.brand svg{width:1.6rem;height:1.6rem;flex:none}
main{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.75rem;box-shadow:0 1px 2px rgb(0 0 0/.04)}
h1{font-size:1.5rem;line-height:1.25;letter-spacing:-.01em;margin:0 0 .75rem;text-wrap:balance}
h2{font-size:1.0625rem;line-height:1.35;margin:1.75rem 0 .5rem}
p{margin:0 0 .9rem}
main>:last-child{margin-bottom:0}
a{color:var(--accent);text-underline-offset:.18em}
a:hover{color:var(--accent-hover)}
.soft{color:var(--soft)}
.small{font-size:.9rem}
code,.code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.9em;overflow-wrap:anywhere}
.data{background:var(--tint);border-radius:5px;padding:.05rem .35rem;overflow-wrap:anywhere;-webkit-box-decoration-break:clone;box-decoration-break:clone}
.text{margin:0 0 1rem;padding:.65rem .75rem;background:var(--tint);border:1px solid var(--line);border-radius:8px;font:.875rem/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext}
.text span{display:block;padding-left:2ch;text-indent:-2ch}
.text .gone{color:var(--bad)}
.text .new{color:var(--good);font-weight:600}
ul,ol{margin:0 0 .9rem;padding-left:1.35rem}
li{margin:.3rem 0}
.steps{padding-left:0;list-style:none;counter-reset:step}
.steps>li{counter-increment:step;position:relative;padding-left:2.4rem;margin:0 0 1.1rem;min-height:1.7rem}
.steps .scopes,.steps>li>.beside{margin-top:.5rem}
.steps form{margin-top:.75rem}
.steps>li::before{content:counter(step);position:absolute;left:0;top:.05rem;width:1.6rem;height:1.6rem;border-radius:50%;background:var(--tint);color:var(--accent);font-weight:650;font-size:.85rem;display:grid;place-items:center}
blockquote{margin:.5rem 0;padding:.1rem .9rem;border-left:3px solid var(--line);color:var(--soft)}
blockquote ul{margin:0}
.within{margin-left:1.8rem}
.copied{margin:.6rem 0}
.copied label{display:block;color:var(--soft);font-size:.9rem;margin:0 0 .2rem}
input[type=file]{display:block;max-width:100%;margin:0 0 .5rem;font:inherit;color:var(--ink)}
.facts+p{margin-top:1rem}
.facts{margin:1.5rem 0 0;padding:1rem 0 0;border-top:1px solid var(--line);display:grid;grid-template-columns:max-content 1fr;gap:.45rem 1rem;font-size:.9rem}
.facts dt{color:var(--soft)}
.facts dd{margin:0;overflow-wrap:anywhere}
.scopes{list-style:none;padding:.4rem 0;margin:0 0 1rem;border:1px solid var(--line);border-radius:10px}
.scopes li{margin:0;padding:.1rem .9rem}
.rows{list-style:none;padding:0;margin:1.25rem 0;border:1px solid var(--line);border-radius:10px}
.rows li{margin:0;padding:.75rem .9rem;border-top:1px solid var(--line)}
.rows li:first-child{border-top:0}
.rows li>*{display:block}
.rows li>form{margin-top:.5rem}
time{white-space:nowrap}
.rows .error{margin:.25rem 0 0}
.rows .facts{display:grid;margin:.6rem 0;padding:0;border:0}
.rows .actions{display:flex;margin:.75rem 0 .25rem}
.field{margin:0 0 1.25rem;border:0;padding:0;min-width:0}
.field>label:not(.choice),.field>legend{display:block;font-weight:600;margin:0 0 .25rem;padding:0}
.field .optional{font-weight:400;color:var(--soft)}
.hint{margin:0 0 .4rem;color:var(--soft);font-size:.9rem}
.error{margin:0 0 .4rem;color:var(--bad);font-weight:600;font-size:.9rem}
input[type=text],input[type=search],input[type=password],input[type=email],input[type=url],input[type=number],input[type=date],select{display:block;width:100%;min-height:2.75rem;padding:.5rem .75rem;font:inherit;color:var(--ink);background:var(--field);border:1px solid var(--field-line);border-radius:8px}
textarea{display:block;width:100%;min-height:2.75rem;padding:.65rem .75rem;resize:none;field-sizing:content;color:var(--ink);background:var(--tint);border:1px solid var(--line);border-radius:8px;font:.875rem/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
[aria-invalid=true]:not(fieldset){border-color:var(--bad);border-width:2px}
.choice{display:flex;align-items:center;gap:.6rem;min-height:2rem;padding:.2rem 0}
.choice input{width:1.2rem;height:1.2rem;margin:0;accent-color:var(--accent);flex:none}
.beside{display:flex;align-items:flex-start;gap:.5rem}
.beside>:first-child{flex:1;min-width:0}
.actions{display:flex;flex-wrap:wrap;gap:.5rem 1.25rem;align-items:center;margin:1.5rem 0 1rem}
.actions form{margin:0}
.answers{display:grid;grid-template-columns:1fr 1fr;gap:.75rem;align-items:stretch}
.answers button{width:100%;height:100%;overflow-wrap:anywhere}
.answers button.side{font-weight:600;padding:.55rem 1.25rem}
.button,button{display:inline-flex;align-items:center;justify-content:center;min-height:2.75rem;padding:.55rem 1.25rem;font:inherit;font-weight:600;border-radius:8px;border:1px solid transparent;background:var(--accent);color:var(--on-accent);text-decoration:none;text-align:center;cursor:pointer}
.button:hover,button:hover{background:var(--accent-hover);color:var(--on-accent)}
button.quiet{background:none;color:var(--soft);border-color:transparent;padding-inline:0;font-weight:500;text-decoration:underline;text-underline-offset:.18em}
.small button.quiet{min-height:0;padding:0;font-size:inherit}
button.quiet:hover{color:var(--ink)}
button.side{background:none;border-color:var(--field-line);color:var(--ink);padding:.4rem .9rem;font-weight:500;flex:none}
button.side:hover{border-color:var(--ink)}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
.problems{border:1px solid var(--bad);border-left-width:5px;background:var(--bad-tint);border-radius:8px;padding:.9rem 1.1rem;margin:0 0 1.5rem}
.problems h2{margin:0 0 .35rem;color:var(--bad)}
.problems ul{margin:0}
.problems a{color:var(--bad)}
.badge{display:grid;place-items:center;width:2.75rem;height:2.75rem;border-radius:50%;margin:0 0 1rem;background:var(--tint);color:var(--good)}
.badge.bad{background:var(--bad-tint);color:var(--bad)}
.badge.wait{color:var(--soft)}
.badge svg{width:1.5rem;height:1.5rem}
.mark{display:inline-grid;place-items:center;width:2.25rem;height:2.25rem;border:1px solid var(--line);border-radius:10px;background:var(--field);color:var(--ink);font-weight:650;vertical-align:middle}
.mark svg{width:1.25rem;height:1.25rem}
main>.mark{display:grid;margin:0 0 .9rem}
.usercode{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:2rem;font-weight:650;letter-spacing:.08em;text-align:center;background:var(--tint);border-radius:10px;padding:.9rem;margin:0 0 1.1rem;overflow-wrap:anywhere}
.head{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.5rem 1.25rem;margin:0 0 .75rem}
.head h1{margin:0}
.search{margin:1.25rem 0 0}
.search>label:first-child{display:block;font-weight:600;margin:0 0 .25rem}
.state{display:flex;align-items:baseline;gap:.4rem;margin:.15rem 0}
.rows li>.state{display:flex}
.state svg{width:1em;height:1em;flex:none;align-self:flex-start;margin-top:.28em}
.state.ok svg{color:var(--good)}
.state.bad{color:var(--bad);font-weight:600}
.state.due{font-weight:600}
.back{margin:0 0 .5rem;font-size:.9rem}
.typing{min-height:5rem;background:var(--field);border-color:var(--field-line);resize:vertical}
.typed{white-space:pre-wrap}
.events{list-style:none;padding:0}
details>summary{cursor:pointer;font-weight:600;padding:.4rem 0;color:var(--accent)}
details[open]>summary{margin:0 0 .75rem}
footer{margin:1.25rem .25rem 0;color:var(--soft);font-size:.85rem}
.filter{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.75rem 1rem;align-items:end;margin:1.25rem 0}
.filter .field{margin:0}
.filter .actions{margin:0}
.events li>span>*{display:inline}
.beside{flex-wrap:wrap}
.beside>select:first-child{min-width:14rem}
@media (max-width:30rem){textarea{min-height:4.2rem}main{padding:1.25rem}.frame{padding-top:1rem}.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:.6rem}.actions{flex-direction:column;align-items:stretch}.answers{grid-template-columns:1fr}.actions button,.actions .button{width:100%}}
@media (forced-colors:active){.button,button{border-color:ButtonText}}
`;

export const styleSource = hashSource(style);
