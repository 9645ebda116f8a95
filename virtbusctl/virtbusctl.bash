# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion of virtbusctl: options, then the commands that it lists itself
_virtbusctl()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word
    case $prev in
        --hypervisor) COMPREPLY=($(compgen -W "qemu xen" -- "$cur")); return ;;
        --bus) return ;;
    esac
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
            -*|qemu|xen|*:*) ;;
            *) return ;;
        esac
    done
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "--bus --hypervisor --version --help" -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$(virtbusctl 2>&1 | sed -n 's/^  \([a-z]*\) .*/\1/p')" -- "$cur"))
    fi
}
complete -F _virtbusctl virtbusctl
