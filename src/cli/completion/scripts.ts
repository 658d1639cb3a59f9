/**
 * What each shell runs to complete a command line of Keyward. It asks Keyward itself, with the words up to the cursor, and
 * offers the lines that come back: what is typed, and after a tab what that is. Without any, the shell offers files.
 *
 * No typed word is ever evaluated: a script that builds a command line of them would run `$(…)` when Tab is pressed.
 */
export const scripts = {
  // Bash 3.2, which macOS has, knows no mapfile.
  bash: `# keyward completion for bash
_keyward() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$(printf '%q' "\${line%%$'\\t'*}")")
  done < <(keyward completion complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
}
complete -o default -F _keyward keyward
`,
  zsh: `#compdef keyward
# keyward completion for zsh
_keyward() {
  local line value
  local -a found
  while IFS= read -r line; do
    value=\${line%%$'\\t'*}
    found+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done < <(keyward completion complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)
  if (( $#found )); then _describe keyward found; else _files; fi
}
if [[ "\${funcstack[1]}" == _keyward ]]; then _keyward "$@"; else compdef _keyward keyward; fi
`,
  fish: `# keyward completion for fish
function __keyward_ask
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    test (count $current) -eq 0; and set current ''
    set -g __keyward_found (keyward completion complete -- $words[2..-1] $current 2>/dev/null </dev/null)
    test (count $__keyward_found) -gt 0
end
complete -c keyward -n __keyward_ask -f -k -a '$__keyward_found'
`,
  // There a typographic quote ends a string, too: its own function knows them all. Older versions leave an empty argument out; a pair of quotes arrives in every version.
  powershell: `# keyward completion for PowerShell
Register-ArgumentCompleter -Native -CommandName keyward -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
  if ($wordToComplete -eq '') { $words += '""' }
  keyward completion complete '--' @words 2>$null | ForEach-Object {
    $value, $what = $_ -split "\`t", 2
    $text = if ($value -match '[^\\w./:@=-]') {
      "'" + [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($value) + "'"
    } else { $value }
    if (-not $what) { $what = $value }
    [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $what)
  }
}
`,
} as const;
