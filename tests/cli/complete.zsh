# What zsh offers behind a line: complete.zsh SCRIPT LINE. A terminal of its own types the line and Tab; compadd tells the words.
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PROMPT=; unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source $1; compdef _gdoctor gdoctor"
zpty -w z 'compadd () { [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd "$@"; return }; typeset -a hits; builtin compadd -A hits "$@"; print -rl -- "+$^hits" }'
zpty -w z 'null-line () { stty -onlcr -ocrnl; print "begin"; }; compprefuncs=(null-line); comppostfuncs=(null-end); null-end () { print "end"; exit }'
zpty -w z "zstyle ':completion:*' list-grouped false; zstyle ':completion:*' force-list always; bindkey '^I' complete-word"
zpty -w z 'print ready'
while zpty -r z line && [[ $line != ready* ]]; do :; done
zpty -n -w z "$2"$'\t'
on=
while zpty -r z line; do
    line=${line%%$'\r'*}; line=${line%$'\n'}
    [[ $line == *begin ]] && on=1 && continue
    [[ $line == *end ]] && break
    [[ -n $on && $line == +* ]] && print -r -- "${line#+}"
done
exit 0
