/**
 * The one script of the pages; everything works without it. It adds a copy button to fields made for copying, a
 * button that shows a secret while it is checked, and leaves a waiting page as soon as there is something new to see.
 */
import { hashSource } from './hash-source.ts';

/** Answered with every connect page; the script compares it with the page it runs in. */
export const stepHeader = 'keyward-step';

export const script = `
const side=(input,about)=>{const b=document.createElement('button');b.type='button';b.className='side';
const say=(text)=>{b.textContent=text;b.setAttribute('aria-label',text+' '+about)};input.after(b);return[b,say]};
for(const input of document.querySelectorAll('[data-copy]')){const[b,say]=side(input,input.dataset.copy);say('Copy');
b.addEventListener('click',async()=>{try{await navigator.clipboard.writeText(input.value)}catch{input.select();document.execCommand('copy')}
say('Copied');setTimeout(()=>say('Copy'),2000)})}
for(const input of document.querySelectorAll('[data-secret]')){const[b,say]=side(input,input.dataset.secret);say('Show');
b.addEventListener('click',()=>{const hidden=input.type==='password';input.type=hidden?'text':'password';say(hidden?'Hide':'Show')});
input.form.addEventListener('submit',()=>{input.type='password'})}
const step=document.body.dataset.wait;
if(step)setInterval(async()=>{try{const r=await window.fetch(location.href,{method:'HEAD'});
if(r.headers.get('${stepHeader}')!==step)location.reload()}catch{}},2000);
`;

export const scriptSource = hashSource(script);
